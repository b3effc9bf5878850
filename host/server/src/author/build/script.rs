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
        let tools = self.toolchain.join(language.as_str());
        if !tools.exists() {
            say(&format!(
                "fetching the {} toolchain into `{}` (once, a minute)",
                language.as_str(),
                tools.display()
            ));
        }
        self.run_script(language, "install", &["--tools".into(), tools.clone()])?;
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

    fn run_script(
        &self,
        language: Language,
        chore: &'static str,
        arguments: &[PathBuf],
    ) -> Result<(), AuthorError> {
        let Runner {
            program,
            script,
            help,
        } = runner(language);
        let script = self.kit.sdk(language).join(script);
        let mut command = Command::new(program);
        command
            .arg(script)
            .arg(chore)
            .args(arguments)
            // The share folder may belong to somebody else.
            .env("PYTHONDONTWRITEBYTECODE", "1");
        match run(&mut command, help)? {
            Some(_) => Ok(()),
            None => Err(AuthorError::Build {
                what: format!("the {} toolchain's `{chore}`", language.as_str()),
                help: "its message above says what to mend".to_owned(),
            }),
        }
    }
}
