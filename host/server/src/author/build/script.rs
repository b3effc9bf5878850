//! Python and JavaScript plugins, by the build script of their SDK.

use std::{fs, path::PathBuf, process::Command};

use super::{Workshop, run};
use crate::author::{AuthorError, Language, Project, Say};

/// The program that runs a language's script, and where to get it.
struct Runner {
    program: &'static str,
    script: &'static str,
    help: &'static str,
}

fn runner(language: Language) -> Runner {
    match language {
        Language::Js => Runner {
            program: "node",
            script: "build.mjs",
            help: "install Node.js 20 or newer, with npm",
        },
        Language::Rust | Language::Python => Runner {
            program: "python3",
            script: "build.py",
            help: "install Python 3.11 or newer, with `venv`",
        },
    }
}

impl Workshop {
    pub(super) fn build_by_script(
        &self,
        project: &Project,
        say: Say<'_>,
    ) -> Result<Vec<u8>, AuthorError> {
        let language = project.language;
        let tools = self.install(language, say)?;
        say(&format!("building `{}`", project.manifest.plugin.name));
        let out = project.component().with_extension("wasm.bare");
        let arguments = [
            "--tools".into(),
            tools,
            "--wit".into(),
            self.kit.contract(),
            "--plugin".into(),
            project.dir.clone(),
            "--out".into(),
            out.clone(),
        ];
        self.run_script(language, "build", &arguments)?;
        let bytes = fs::read(&out).map_err(AuthorError::file("read", &out))?;
        fs::remove_file(&out).map_err(AuthorError::file("remove", &out))?;
        Ok(bytes)
    }

    pub(super) fn native_by_script(
        &self,
        project: &Project,
        say: Say<'_>,
    ) -> Result<Command, AuthorError> {
        let language = project.language;
        let mut command = self.script(language, "native");
        // Python asks with what it has; a JavaScript plugin is bundled first.
        if language == Language::Js {
            command.arg("--tools").arg(self.install(language, say)?);
        }
        command.arg("--plugin").arg(&project.dir).arg("--order");
        Ok(command)
    }

    /// The folder of the language's toolchain, which is there afterwards.
    fn install(&self, language: Language, say: Say<'_>) -> Result<PathBuf, AuthorError> {
        let tools = self.toolchain.join(language.as_str());
        if !tools.exists() {
            say(&format!(
                "fetching the {} toolchain into `{}` (once, a minute)",
                language.as_str(),
                tools.display()
            ));
        }
        self.run_script(language, "install", &["--tools".into(), tools.clone()])?;
        Ok(tools)
    }

    fn script(&self, language: Language, chore: &'static str) -> Command {
        let Runner {
            program, script, ..
        } = runner(language);
        let mut command = Command::new(program);
        command
            .arg(self.kit.sdk(language).join(script))
            .arg(chore)
            // The share folder may belong to somebody else.
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    fn run_script(
        &self,
        language: Language,
        chore: &'static str,
        arguments: &[PathBuf],
    ) -> Result<(), AuthorError> {
        let mut command = self.script(language, chore);
        command.args(arguments);
        match run(&mut command, runner(language).help)? {
            Some(_) => Ok(()),
            None => Err(AuthorError::Build {
                what: format!("the {} toolchain's `{chore}`", language.as_str()),
                help: "its message above says what to mend".to_owned(),
            }),
        }
    }
}
