//! `vault-unseal-observer translate`: URLs of shoutrrr, which lrstanley/vault-unseal takes, as targets of `notify.toml`.
//!
//! They come by standard input: among arguments everybody would see them.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use url::Url;
use vault_unseal::cli::{Exit, fail, notification_urls};
use vault_unseal::explain::Explanation;
use vault_unseal::external::error;
use vault_unseal::process::protect_memory;
use zeroize::Zeroizing;

/// Most that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// A target for what a URL names.
struct Translated {
    /// The lines of `notify.toml` below its name.
    toml: String,
    /// What is to be in the file behind its credential.
    secret: String,
}

/// Prints the targets, each with what the file behind its credential is to hold.
pub(super) fn translate() -> Exit {
    // A whole configuration has shares. Where the kernel does not allow it, they are as safe as in the shell that reads them.
    let _ = protect_memory();
    let mut text = Zeroizing::new(String::new());
    if let Err(cause) = io::stdin().take(LONGEST).read_to_string(&mut text) {
        let what = format!("standard input cannot be read: {}", error::io(&cause));
        return fail(&Explanation::without_advice("stdin", what), Exit::Failed);
    }
    let Some(urls) = urls_in(&text) else {
        let what = "this configuration cannot be read";
        let advice = "Write the URLs under notify.urls one a line, without anything else: discord://TOKEN@ID";
        return fail(&Explanation::new("translate", what, advice), Exit::Failed);
    };
    if urls.is_empty() {
        let what = "there are no URLs on standard input";
        let advice = "They are under notify.urls of the configuration. Mail of its `email` section is a target by itself: \
                      docs/usage/notifications.md.";
        return fail(&Explanation::new("translate", what, advice), Exit::Failed);
    }
    let mut exit = Exit::Done;
    for (number, line) in (1..).zip(urls) {
        match of_line(line) {
            Ok(translated) => {
                let name = format!("{}-{number}", scheme(line));
                let _ = write!(io::stdout(), "{}", shown(&name, &translated));
            }
            Err(why) => {
                // Without the URL, which is a secret.
                let why = Explanation { message: format!("URL {number}: {}", why.message), ..why };
                exit = fail(&why, Exit::Failed);
            }
        }
    }
    exit
}

/// The URLs of that program's configuration, or one a line; `None` of a configuration that is YAML of another kind.
fn urls_in(text: &str) -> Option<Vec<&str>> {
    let is_configuration = ["vault_nodes:", "unseal_tokens:", "notify:"];
    let is_configuration =
        text.lines().any(|line| is_configuration.iter().any(|name| line.starts_with(name)));
    match notification_urls(text) {
        None if !is_configuration => {
            Some(text.lines().map(str::trim).filter(|line| !line.is_empty()).collect())
        }
        urls => urls,
    }
}

fn shown(name: &str, translated: &Translated) -> String {
    let toml = translated.toml.replace("NAME", name);
    let mut text = format!("# In /etc/vault-unseal/notify.toml:\n[[notify]]\nname = \"{name}\"\n{toml}\n\n");
    if !translated.secret.is_empty() {
        let _ = writeln!(
            text,
            "# In /etc/vault-unseal/{name}, of root's and mode 0600; in the unit LoadCredential={name}:/etc/vault-unseal/{name}\n{}\n",
            translated.secret
        );
    }
    text
}

/// `discord` of `discord://…`, `generic` of `generic+https://…`.
fn scheme(line: &str) -> &str {
    line.split([':', '+']).next().unwrap_or_default()
}

fn of_line(line: &str) -> Result<Translated, Explanation> {
    let scheme = scheme(line);
    let wrong = || {
        Explanation::new(
            "translate",
            "this is no URL of shoutrrr",
            "Write one a line, as they are in lrstanley's configuration: discord://TOKEN@ID",
        )
    };
    let known = scheme.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if scheme.is_empty() || !known || !line.contains("://") {
        return Err(wrong());
    }
    // By a scheme of nobody's: hosts of others are numbers and names that are written in small letters.
    let rest = line.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
    let url = Url::parse(&format!("shoutrrr://{rest}")).map_err(|_| wrong())?;
    let parts = Parts { url: &url };
    let translated = match scheme {
        "discord" => webhook(
            &format!("https://discord.com/api/webhooks/{}/{}/slack", parts.host()?, parts.user()?),
            "slack",
        ),
        "slack" => slack(&parts)?,
        "mattermost" => {
            webhook(&format!("https://{}/hooks/{}", parts.authority()?, parts.segment(0)?), "slack")
        }
        "ntfy" => ntfy(&parts)?,
        "generic" => {
            let plain = line.starts_with("generic+http:");
            let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
            let address = format!("{}{}{query}", parts.authority()?, url.path());
            if plain {
                plain_webhook(&format!("http://{address}"), "json")
            } else {
                webhook(&format!("https://{address}"), "json")
            }
        }
        "smtp" => smtp(&parts)?,
        "gotify" => apprise(&format!("gotifys://{}/{}", parts.authority()?, parts.segment(0)?)),
        "pushover" => apprise(&format!("pover://{}@{}", parts.host()?, parts.password()?)),
        "telegram" => {
            let chats =
                parts.query("chats").or_else(|| parts.query("channels")).ok_or_else(wrong)?.replace(',', "/");
            apprise(&format!("tgram://{}:{}/{chats}", parts.user()?, parts.password()?))
        }
        _ => {
            return Err(Explanation::new(
                "translate",
                format!("{scheme}:// has no translation"),
                "Apprise knows a hundred services: see whether it has this one, and write its URL into the file that a `command` \
                 target hands to it (vault-unseal-observer(8), docs/usage/notifications.md).",
            ));
        }
    };
    Ok(translated)
}

fn webhook(url: &str, format: &str) -> Translated {
    let toml = format!("webhook = {{ url = {{ credential = \"NAME\" }}, format = \"{format}\" }}");
    Translated { toml, secret: url.to_owned() }
}

fn plain_webhook(url: &str, format: &str) -> Translated {
    let toml = format!(
        "webhook = {{ url = {{ credential = \"NAME\" }}, format = \"{format}\", plain_http = true }}"
    );
    Translated { toml, secret: url.to_owned() }
}

fn apprise(url: &str) -> Translated {
    let toml = "command = { run = [\"/usr/bin/apprise\", \"--config=$CREDENTIALS_DIRECTORY/NAME\", \"--title=vault-unseal\"], \
                stdin = \"text\" }";
    Translated { toml: toml.to_owned(), secret: url.to_owned() }
}

/// `slack://hook:A-B-C@webhook`; of a bot's token Apprise takes care.
fn slack(parts: &Parts<'_>) -> Result<Translated, Explanation> {
    let (kind, token) = (parts.user()?, parts.password()?);
    if kind == "hook" {
        return Ok(webhook(
            &format!("https://hooks.slack.com/services/{}", token.replace('-', "/")),
            "slack",
        ));
    }
    Ok(apprise(&format!("slack://{kind}-{token}/{}", parts.host()?)))
}

/// `ntfy://[USER:PASSWORD@]HOST/TOPIC?scheme=http`.
fn ntfy(parts: &Parts<'_>) -> Result<Translated, Explanation> {
    let login = match parts.user() {
        Ok(user) => format!("{user}:{}@", parts.password()?),
        Err(_) => String::new(),
    };
    let address = format!("{login}{}/{}", parts.authority()?, parts.segment(0)?);
    Ok(match parts.query("scheme").as_deref() {
        Some("http") => plain_webhook(&format!("http://{address}"), "ntfy"),
        _ => webhook(&format!("https://{address}"), "ntfy"),
    })
}

/// `smtp://USER:PASSWORD@HOST:PORT/?from=…&to=…,…`.
fn smtp(parts: &Parts<'_>) -> Result<Translated, Explanation> {
    let quoted = vault_unseal::external::quote::toml;
    let lacks = |key: &str| {
        let advice = "Shoutrrr wants `from` and `to` in it.";
        Explanation::new("translate", format!("this URL of mail has no `{key}`"), advice)
    };
    let from = parts.query("from").or_else(|| parts.query("fromaddress")).ok_or_else(|| lacks("from"))?;
    let to = parts.query("to").or_else(|| parts.query("toaddresses")).ok_or_else(|| lacks("to"))?;
    let to: Vec<_> = to.split(',').map(quoted).collect();
    let mut toml = format!(
        "[notify.smtp]\nserver = {}\nfrom = {}\nto = [{}]",
        quoted(&parts.authority()?),
        quoted(&from),
        to.join(", ")
    );
    let secret = parts.password().unwrap_or_default();
    if let Ok(user) = parts.user() {
        let _ = write!(toml, "\nuser = {}\npassword = {{ credential = \"NAME\" }}", quoted(&user));
    }
    Ok(Translated { toml, secret: secret.into_owned() })
}

/// What stands where in a URL.
struct Parts<'a> {
    url: &'a Url,
}

impl Parts<'_> {
    fn lacking(what: &str) -> Explanation {
        Explanation::new(
            "translate",
            format!("this URL has no {what}"),
            "Copy the whole of it, with all that follows ://.",
        )
    }

    fn decoded<'a>(text: &'a str, what: &str) -> Result<Cow<'a, str>, Explanation> {
        if text.is_empty() { Err(Self::lacking(what)) } else { Ok(text.into()) }
    }

    fn host(&self) -> Result<&str, Explanation> {
        self.url.host_str().ok_or_else(|| Self::lacking("host"))
    }

    /// With the port, if it is written.
    fn authority(&self) -> Result<String, Explanation> {
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        Ok(format!("{}{port}", self.host()?))
    }

    fn user(&self) -> Result<Cow<'_, str>, Explanation> {
        Self::decoded(self.url.username(), "user or token before its @")
    }

    fn password(&self) -> Result<Cow<'_, str>, Explanation> {
        Self::decoded(self.url.password().unwrap_or_default(), "password or token before its @")
    }

    fn segment(&self, at: usize) -> Result<&str, Explanation> {
        let segment = self.url.path_segments().and_then(|mut segments| segments.nth(at));
        segment.filter(|segment| !segment.is_empty()).ok_or_else(|| Self::lacking("path"))
    }

    fn query(&self, name: &str) -> Option<String> {
        let found = self.url.query_pairs().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.into_owned()).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::NotifySettings;
    use std::path::Path;

    #[test]
    fn urls_of_shoutrrr_become_targets_that_are_good() {
        let mut shown_all = String::new();
        for line in [
            "discord://tok-en@1234567",
            "slack://hook:AAA-BBB-ccc@webhook",
            "slack://xoxb:123-456-abc@C0123",
            "mattermost://bot@chat.home:8443/abc123/town",
            "ntfy://ntfy.sh/a-topic",
            "ntfy://me:pw@ntfy.home:8080/a-topic?scheme=http",
            "generic+https://hooks.example.org/a/b?c=d",
            "generic+http://127.0.0.1:8080/a",
            "smtp://u:pw@mail.example.org:587/?from=v@example.org&to=a@example.org,b@example.org",
            "smtp://mail.example.org/?fromAddress=v@example.org&toAddresses=a@example.org",
            "gotify://push.home/AbCdEf",
            "telegram://110201543:AAHdqTcvCH1@telegram?chats=@ops,42",
            "pushover://shoutrrr:apptoken@userkey/?devices=a",
        ] {
            let translated = of_line(line).unwrap_or_else(|why| panic!("{line}: {why}"));
            let text = shown("name", &translated);
            let toml = text.split("# In ").nth(1).and_then(|text| text.split_once('\n')).unwrap().1;
            let read = NotifySettings::parse(Path::new("/n"), toml);
            assert!(read.is_ok(), "{line}: {:?}\n{toml}", read.err().map(|error| error.to_string()));
            let _ = writeln!(shown_all, "{line}\n\n{text}");
        }
        snapbox::assert_data_eq!(shown_all, snapbox::file!["tests/translated.txt"]);
    }

    #[test]
    fn urls_are_read_from_a_whole_configuration_or_one_a_line() {
        let yaml = "vault_nodes:\n  - https://1.2.3.4:8200\nnotify:\n  urls:\n    - \"slack://a@b?c=d\"\n    - discord://e@f\n";
        assert_eq!(urls_in(yaml).unwrap(), ["slack://a@b?c=d", "discord://e@f"]);
        assert_eq!(
            urls_in("\n slack://a@b?c=d \n\ndiscord://e@f").unwrap(),
            ["slack://a@b?c=d", "discord://e@f"]
        );
        assert_eq!(urls_in("vault_nodes:\n  - https://1.2.3.4:8200\n").unwrap(), [] as [&str; 0]);
        assert_eq!(urls_in("unseal_tokens: &all\n  - secret\n"), None);
    }

    #[test]
    fn what_has_no_translation_is_told_without_the_url() {
        for (line, why) in [
            ("zulip://secret:secret@host", "zulip:// has no translation"),
            ("https", "this is no URL of shoutrrr"),
            ("://secret", "this is no URL of shoutrrr"),
            ("discord://1234", "this URL has no user or token before its @"),
            ("smtp://mail.home/?from=a@b.c", "this URL of mail has no `to`"),
        ] {
            let error = of_line(line).err().unwrap();
            assert_eq!(error.message, why);
            assert!(!vault_unseal::report::render(&error).contains("secret"), "{line}");
        }
    }
}
