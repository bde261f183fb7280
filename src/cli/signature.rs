//! `countersign signature`: sign as DocuSign does, verify as the server does, explain what went wrong.

use std::path::PathBuf;

use bytes::Bytes;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use uuid::Uuid;

use crate::base::{DeliveryId, Refusal, SourceName};
use crate::connect::signature::{self, Keys};
use crate::connect::{Body, Delivery};

use super::Error;
use super::keys::{KeyArgs, Known, read};
use super::terminal::{BAD, DIM, GOOD, Terminal, plain};

const HEADER: &str = "X-DocuSign-Signature";

/// Sign, verify or explain the signature of a message; nothing leaves this machine
#[derive(Debug, Subcommand)]
pub(super) enum Signature {
    /// Print the headers with which DocuSign would sign a message
    #[command(after_help = "Examples:
  countersign signature sign --key-file key --body message.json
  curl -H \"$(countersign signature sign --key-file key --body m.json)\" --data-binary @m.json http://127.0.0.1:8080/connect")]
    Sign(Sign),
    /// Verify a message as the server would: exit code 0 where it is authentic, 1 where it is not
    #[command(after_help = "Examples:
  countersign signature verify --body message.json --headers headers.txt
  countersign signature verify --key-file key --signature yuSorG…wME= < message.json")]
    Verify(Check),
    /// Find out why a signature does not match: wrong key, wrong header, a body that was changed on its way
    #[command(after_help = "Examples:
  countersign signature explain --body message.json --headers headers.txt
  countersign signature explain --source sales --signature yuSorG…wME= --json < message.json")]
    Explain(Check),
}

/// A message to sign
#[derive(Debug, Args)]
pub(super) struct Sign {
    #[command(flatten)]
    body: BodyArgs,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyArgs,
}

/// A message that was signed
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    body: BodyArgs,
    /// Value of a signature header; repeatable. The first is taken for X-DocuSign-Signature-1.
    #[arg(long = "signature", value_name = "VALUE")]
    signatures: Vec<String>,
    /// Any header of the request; repeatable.
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// File with the request's headers, one a line; what follows an empty line is left alone.
    #[arg(long = "headers", value_name = "FILE")]
    headers_file: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    keys: KeyArgs,
}

#[derive(Debug, Args)]
struct BodyArgs {
    /// File with the message, byte for byte as it was sent; `-` is stdin.
    #[arg(long, value_name = "FILE", default_value = "-")]
    body: PathBuf,
}

impl Signature {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        match self {
            Self::Sign(sign) => sign.run(terminal),
            Self::Verify(check) => check.verify(terminal),
            Self::Explain(check) => check.explain(terminal),
        }
    }
}

impl Sign {
    fn run(self, terminal: &Terminal) -> Result<(), Error> {
        let keys = self.keys.load()?.keys;
        let body = self.body.read()?;
        let sign = |(n, key): (usize, &SecretString)| {
            (format!("{HEADER}-{}", n + 1), signature::sign(key.expose_secret(), &body))
        };
        let headers: Vec<(String, String)> = keys.iter().enumerate().map(sign).collect();
        if self.json {
            let headers: serde_json::Map<_, _> = headers.into_iter().map(|(n, v)| (n, v.into())).collect();
            return terminal.json(&json!({"headers": headers}));
        }
        headers.iter().try_for_each(|(name, value)| terminal.line(format_args!("{name}: {value}")))
    }
}

impl Check {
    fn verify(self, terminal: &Terminal) -> Result<(), Error> {
        let keys = self.keys.load()?.keys;
        let (headers, body) = (self.all_headers()?, Bytes::from(self.body.read()?));
        let verdict = verdict(&headers, &body, &keys);
        match &verdict {
            Ok(number) if self.json => terminal.json(&json!({"valid": true, "key": number}))?,
            Ok(number) => terminal
                .line(format_args!("{GOOD}valid{GOOD:#}: key {number} of {} signed it", keys.len()))?,
            Err(refusal) if self.json => {
                terminal.json(&json!({"valid": false, "reason": refusal.word()}))?;
            }
            Err(refusal) => {
                terminal.line(format_args!("{BAD}invalid{BAD:#}: {refusal}"))?;
                terminal.say("`countersign signature explain` with the same arguments finds out why");
            }
        }
        verdict.map(|_| ()).map_err(|_| Error::No)
    }

    fn explain(self, terminal: &Terminal) -> Result<(), Error> {
        let Known { keys, others } = self.keys.load()?;
        let (headers, body) = (self.all_headers()?, self.body.read()?);
        let others: Vec<(&str, &[SecretString])> =
            others.iter().map(|source| (source.name.as_str(), source.hmac_keys.as_slice())).collect();
        let explanation = signature::explain(&body, &headers, &keys, &others);
        if self.json {
            terminal.json(&json!(explanation))?;
        } else {
            let (style, word) = if explanation.verified { (GOOD, "valid") } else { (BAD, "invalid") };
            terminal.line(format_args!("{style}{word}{style:#}"))?;
            for finding in &explanation.findings {
                terminal.line(format_args!("- {}", plain(&finding.problem)))?;
                terminal.line(format_args!("  {DIM}what to do:{DIM:#} {}", plain(&finding.advice)))?;
            }
        }
        if explanation.verified { Ok(()) } else { Err(Error::No) }
    }

    fn all_headers(&self) -> Result<Vec<(String, String)>, Error> {
        let signatures = self.signatures.iter().enumerate();
        let mut headers: Vec<(String, String)> = signatures
            .map(|(n, value)| (format!("{HEADER}-{}", n + 1).to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        headers.extend(self.headers.iter().cloned());
        if let Some(file) = &self.headers_file {
            headers.extend(headers_of(&String::from_utf8_lossy(&read(file)?)));
        }
        Ok(headers)
    }
}

/// The number of the key that signed it, from 1, or why the server would refuse it; by the server's own gate.
fn verdict(headers: &[(String, String)], body: &Bytes, keys: &[SecretString]) -> Result<usize, Refusal> {
    let gate = |keys: &[SecretString]| {
        let delivery = Delivery {
            id: DeliveryId(Uuid::nil()),
            source: SourceName::default(),
            received_at: Timestamp::UNIX_EPOCH,
            headers: headers.to_vec(),
            body: Body::Inline(body.clone()),
            traceparent: String::new(),
        };
        signature::verify(delivery, &Keys::new(keys).digests(body))
            .map(|_| ())
            .map_err(|(_, refusal)| refusal)
    };
    gate(keys)?;
    let signed = |key: &SecretString| gate(std::slice::from_ref(key)).is_ok();
    keys.iter().position(signed).map(|at| at + 1).ok_or(Refusal::SignatureWrong)
}

fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        }
        _ => Err("write 'Name: value'".to_owned()),
    }
}

/// Headers as a capture has them: perhaps after a request line, until the first empty line.
fn headers_of(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().map(|line| line.trim_end_matches('\r')).skip_while(|line| line.is_empty());
    let is_request =
        |line: &&str| line.contains(" HTTP/") && !line.split(' ').next().is_some_and(|w| w.contains(':'));
    lines
        .take_while(|line| !line.is_empty())
        .filter(|line| !is_request(line))
        .filter_map(|line| header(line).ok())
        .collect()
}

impl BodyArgs {
    fn read(&self) -> Result<Vec<u8>, Error> {
        read(&self.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_from_a_capture() {
        let text = "\r\nPOST /connect HTTP/1.1\r\nHost: h:80\r\nX-DocuSign-Signature-1:  abc= \r\nnonsense\r\n\r\nnot: a header";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(headers_of(text), [pair("host", "h:80"), pair("x-docusign-signature-1", "abc=")]);
        assert_eq!(headers_of("Via: 1.1 HTTP/x proxy"), [pair("via", "1.1 HTTP/x proxy")]);
    }
}
