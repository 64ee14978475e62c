//! Mail, over a server that takes it.

use super::http::{authorities, authorities_are_read, ca_file};
use super::secret::Secret;
use super::{LIMIT, Undelivered, cause, names};
use crate::document::{DocumentError, Table, Written};
use crate::notify::message::Message;
use crate::notify::settings::refused;
use crate::service::Looking;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MaybeString, SinglePart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::timeout;
use vault_unseal::explain::Explanation;

/// How long a server that has the mail may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    /// TLS after a first word in the clear, or nothing is sent (port 587).
    Starttls,
    /// TLS from the first byte (port 465).
    Tls,
    /// Nothing: to this machine alone (port 25).
    Nothing,
}

/// A mail server, and to whom it carries.
#[derive(Debug, Clone)]
pub struct Smtp {
    server: String,
    port: u16,
    protection: Protection,
    from: Mailbox,
    to: Vec<Mailbox>,
    login: Option<(String, Secret)>,
    ca_file: Option<PathBuf>,
}

impl Smtp {
    pub(super) fn read(table: &Table<'_>) -> Result<Self, DocumentError> {
        let Some(server) = table.text("server")? else {
            return Err(table.lacks(
                "server",
                "Write server = \"mail.example.org\", or with a port: \"mail.example.org:587\".",
            ));
        };
        let (name, port) = split(&server)?;
        let protection = match table.text("tls_mode")? {
            None if is_here(name) && port.is_none_or(|port| port == 25) => Protection::Nothing,
            None if port == Some(465) => Protection::Tls,
            None => Protection::Starttls,
            Some(written) => match written.value {
                "starttls" => Protection::Starttls,
                "tls" => Protection::Tls,
                "none" if is_here(name) => Protection::Nothing,
                "none" => {
                    let advice = "Use starttls (port 587) or tls (port 465). Without TLS mail goes to 127.0.0.1, ::1 and \
                                  localhost alone.";
                    return Err(refused(
                        &written.place,
                        "config-plaintext",
                        "mail would leave this machine unencrypted",
                        advice,
                    ));
                }
                _ => {
                    let advice =
                        "There are starttls (port 587), tls (port 465) and none (this machine alone).";
                    return Err(refused(&written.place, "config-format", "there is no such mode", advice));
                }
            },
        };
        let port = port.unwrap_or(match protection {
            Protection::Starttls => 587,
            Protection::Tls => 465,
            Protection::Nothing => 25,
        });
        let Some(from) = table.text("from")? else {
            return Err(table.lacks("from", "Write from = \"vault-unseal@example.org\"."));
        };
        let to = table.texts("to")?.filter(|to| !to.is_empty());
        let to = to.ok_or_else(|| table.lacks("to", "Write to = [\"admin@example.org\"]."))?;
        let to = to.iter().map(mailbox).collect::<Result<_, _>>()?;
        let login = match (table.text("user")?, Secret::read(table, "password")?) {
            (Some(user), Some(_)) if protection == Protection::Nothing => {
                let advice = "Use starttls or tls, or leave user and password out.";
                return Err(refused(
                    &user.place,
                    "config-plaintext",
                    "a password would be sent unencrypted",
                    advice,
                ));
            }
            (Some(user), Some(password)) => Some((user.value.to_owned(), password)),
            (None, None) => None,
            (user, _) => {
                let missing = if user.is_some() { "password" } else { "user" };
                let advice = "`user` and `password` belong together: write both, or none.";
                return Err(table.lacks(missing, advice));
            }
        };
        let ca_file = ca_file(table)?;
        Ok(Self { server: name.to_owned(), port, protection, from: mailbox(&from)?, to, login, ca_file })
    }

    pub(super) fn check(&self, looking: Looking<'_>) -> Result<(), Explanation> {
        if let Some((_, password)) = &self.login {
            password.look(looking)?;
        }
        authorities_are_read(self.ca_file.as_deref(), looking)?;
        self.tls().map(drop)
    }

    pub(super) fn credentials(&self) -> Vec<&str> {
        self.login.iter().filter_map(|(_, password)| password.credential()).collect()
    }

    pub(super) async fn tell(&self, message: &Message, host: &str) -> Result<(), Undelivered> {
        let broken =
            || Undelivered::new("target-mail", "the mail cannot be written", "Look at `from` and `to`.");
        let mut mail = lettre::Message::builder()
            .from(self.from.clone())
            .subject(message.title(host))
            // No out-of-office reply (RFC 3834).
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        let id = format!("<{:016x}{:016x}@{host}>", fastrand::u64(..), fastrand::u64(..));
        mail = mail.message_id(Some(id));
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        let text =
            SinglePart::builder().header(ContentType::TEXT_PLAIN).body(MaybeString::String(message.text()));
        let mail = mail.singlepart(text).map_err(|_| broken())?;
        let smtp = self.clone();
        let prepare = move || Ok::<_, Explanation>((smtp.tls()?, smtp.credentials_now()?));
        let prepared = tokio::task::spawn_blocking(prepare).await;
        let (tls, login) = prepared.map_err(|_| broken())??;
        let mut addresses = names::addresses(&self.server).await.map_err(|_| unnamed())?;
        for address in &mut addresses {
            address.set_port(self.port);
        }
        let sent = self.send(&addresses, &mail, host, tls, login).await;
        sent.map_err(|error| unsent(&error))
    }

    /// Carries a mail to one of these addresses.
    async fn send(
        &self,
        addresses: &[SocketAddr],
        mail: &lettre::Message,
        host: &str,
        tls: Option<TlsParameters>,
        login: Option<Credentials>,
    ) -> Result<(), Error> {
        let hello = ClientId::Domain(host.to_owned());
        let (at_once, later) = match self.protection {
            Protection::Tls => (tls, None),
            _ => (None, tls),
        };
        let connecting =
            AsyncSmtpConnection::connect_tokio1(addresses, Some(LIMIT / 2), &hello, at_once, None);
        let mut connection = connecting.await?;
        if let Some(parameters) = later {
            connection.starttls(parameters, &hello).await?;
        }
        if let Some(credentials) = login {
            connection.auth(DEFAULT_MECHANISMS, &credentials).await?;
        }
        connection.send(mail.envelope(), &mail.formatted()).await?;
        // It has the mail, whatever it answers now.
        let _ = timeout(GOODBYE, connection.abort()).await;
        Ok(())
    }

    /// Blocks on the file.
    fn credentials_now(&self) -> Result<Option<Credentials>, Explanation> {
        let Some((user, password)) = &self.login else { return Ok(None) };
        Ok(Some(Credentials::new(user.clone(), password.open()?.as_str().to_owned())))
    }

    /// Whom to trust, unless there is no TLS. Blocks on files.
    fn tls(&self) -> Result<Option<TlsParameters>, Explanation> {
        if self.protection == Protection::Nothing {
            return Ok(None);
        }
        let mut parameters = TlsParameters::builder(self.server.clone());
        if let Some(path) = &self.ca_file {
            parameters = parameters.certificate_store(CertificateStore::None);
            for authority in authorities(path)? {
                let broken = |_| {
                    Explanation::without_advice("target-ca", "a certificate of `tls.ca_file` cannot be used")
                };
                parameters = parameters
                    .add_root_certificate(Certificate::from_der(authority.to_vec()).map_err(broken)?);
            }
        }
        let broken = |_| {
            Explanation::new(
                "target-tls",
                "TLS cannot be set up",
                "Is the package ca-certificates there, or is `tls.ca_file` one of authorities?",
            )
        };
        parameters.build_rustls().map(Some).map_err(broken)
    }
}

fn unnamed() -> Undelivered {
    let what = "the name of the mail server cannot be looked up";
    Undelivered::new(
        "target-name",
        what,
        "Look whether this machine can resolve names: getent hosts NAME; and at `server`.",
    )
}

fn split<'a>(server: &Written<&'a str>) -> Result<(&'a str, Option<u16>), DocumentError> {
    let wrong = || {
        let advice = "Write a name or an address, and a port behind a colon if it is an unusual one: \"mail.example.org:587\", \
                      \"[::1]:25\".";
        refused(&server.place, "config-server", "this is no mail server", advice)
    };
    let text = server.value;
    let (name, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((name, "")) => (name, None),
        Some((name, rest)) => (name, Some(rest.strip_prefix(':').ok_or_else(wrong)?)),
        None => text.split_once(':').map_or((text, None), |(name, port)| (name, Some(port))),
    };
    let port = port.map(|port| port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)).transpose()?;
    let is_name =
        |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if name.is_empty() || !(is_name(name) || name.parse::<IpAddr>().is_ok()) {
        return Err(wrong());
    }
    Ok((name, port))
}

fn is_here(name: &str) -> bool {
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn mailbox(text: &Written<&str>) -> Result<Mailbox, DocumentError> {
    text.value.parse().map_err(|_| {
        let advice = "Write admin@example.org, or Admin <admin@example.org>.";
        refused(&text.place, "config-mailbox", "this is no mail address", advice)
    })
}

/// In words of ours: what a server says may repeat what it was told.
fn unsent(error: &Error) -> Undelivered {
    if let Some(code) = error.status() {
        let advice = if error.is_permanent() {
            "Look at `from`, `to`, `user` and the password, and at the log of the mail server."
        } else {
            "It is tried again; the log of the mail server tells why."
        };
        return Undelivered::new("target-status", format!("the mail server answers with {code}"), advice);
    }
    let unreached = "Look whether its name and port are right and it can be reached from this machine.";
    let (kind, what, advice) = if error.is_tls() || cause::is_tls(error) {
        ("target-tls", cause::NO_TLS.to_owned(), cause::TLS_ADVICE)
    } else if error.is_timeout() {
        ("target-timeout", "the mail server did not answer in time".to_owned(), unreached)
    } else if error.is_client() {
        (
            "target-mail-server",
            "the mail server does not offer what is needed: STARTTLS, or a way to log in".to_owned(),
            "Look at `tls_mode`, `user` and the port.",
        )
    } else if let Some(words) = cause::of_system(error) {
        ("target-unreachable", words, unreached)
    } else {
        let what = "the mail server ended the conversation";
        ("target-unreachable", what.to_owned(), unreached)
    };
    Undelivered::new(kind, what, advice)
}
