//! `phagen plugin push` and `pull`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use phagen_package::oci::{Access, Credentials};

use super::{next, quoted};
use crate::{
    author::{self, Subject, read_small},
    cli::write,
};

#[derive(clap::Args)]
struct Registry {
    /// Speak HTTP without TLS, as a registry on this machine does.
    #[arg(long)]
    plain_http: bool,
    /// User at the registry.
    #[arg(long, requires = "password_file")]
    user: Option<String>,
    /// File whose first line is the user's password, or a token where there is no user.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Certificate in PEM that counts beside the system's.
    #[arg(long, value_name = "FILE")]
    ca_file: Vec<PathBuf>,
}

#[derive(clap::Args)]
pub(in crate::cli) struct PushArguments {
    /// Such as registry.example/plugins/my-plugin; without a tag it gets the plugin's version.
    reference: String,
    /// A component, or the folder of a plugin that was built.
    #[arg(default_value = ".")]
    file: PathBuf,
    #[command(flatten)]
    registry: Registry,
}

#[derive(clap::Args)]
pub(in crate::cli) struct PullArguments {
    /// Such as registry.example/plugins/my-plugin:1.2.0.
    reference: String,
    /// Folder for the component.
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// File that pins what came; keep it with your sources.
    #[arg(long, default_value = "phagen.lock")]
    lock: PathBuf,
    #[command(flatten)]
    registry: Registry,
}

impl Registry {
    fn access(&self) -> Result<Access> {
        let secret = self.password_file.as_deref().map(|file| {
            let text = read_small(file)?;
            let line = text.lines().next().map(str::to_owned);
            line.with_context(|| format!("`{}` is empty", file.display()))
        });
        let credentials = match (&self.user, secret.transpose()?) {
            (Some(user), Some(password)) => Credentials::Basic {
                user: user.clone(),
                password,
            },
            (None, Some(token)) => Credentials::Token(token),
            (_, None) => Credentials::Anonymous,
        };
        let roots = self.ca_file.iter().map(|file| {
            std::fs::read(file).with_context(|| format!("cannot read `{}`", file.display()))
        });
        Ok(Access {
            credentials,
            plain_http: self.plain_http,
            extra_roots: roots.collect::<Result<_>>()?,
            ..Access::default()
        })
    }
}

pub(super) async fn push(arguments: &PushArguments) -> Result<()> {
    let subject = Subject::open(&arguments.file)?;
    let access = arguments.registry.access()?;
    let (pushed, is_signed) = author::push(&arguments.reference, &subject, &access).await?;
    write::line(&format!("pushed {}", pushed.reference));
    write::line(&format!("  manifest   {}", pushed.manifest_digest));
    write::line(&format!(
        "  component  {} ({} bytes)",
        pushed.digest, pushed.size_bytes
    ));
    let signature = if is_signed {
        "went with it"
    } else {
        "none: `phagen plugin sign` makes one, then push again"
    };
    write::line(&format!("  signature  {signature}"));
    next(&[format!("phagen plugin pull {}", pushed.reference)]);
    Ok(())
}

pub(super) async fn pull(arguments: &PullArguments) -> Result<()> {
    let access = arguments.registry.access()?;
    let fetched = author::pull(
        &arguments.reference,
        &arguments.dir,
        &arguments.lock,
        &access,
    )
    .await?;
    let subject = &fetched.subject;
    write::line(&format!(
        "pulled {} as {}",
        fetched.reference,
        subject.path.display()
    ));
    write::line(&format!("  manifest   {}", fetched.manifest_digest));
    write::line(&format!("  component  {}", subject.package.digest));
    let pin = if fetched.is_new {
        "pinned now"
    } else {
        "as pinned"
    };
    write::line(&format!("  {:<11}{pin}", arguments.lock.display()));
    let file = quoted(&subject.path);
    let check = match &fetched.minisig {
        Some(_) => format!("phagen plugin verify {file} --public-key FILE"),
        None => format!("phagen plugin inspect {file}   (it came without a signature)"),
    };
    next(&[check, format!("phagen plugin deploy {file} --slot SLOT")]);
    Ok(())
}
