//! `countersign audit export`: one file with which a third party can check a signing request's deliveries.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::base::{Clock as _, SigningRequestId, SystemClock};
use crate::cli::Error;
use crate::cli::api::ApiArgs;
use crate::cli::terminal::Terminal;
use crate::evidence::file::{FORMAT, Segment};
use crate::store;

/// Write all that the chain of evidence holds about a signing request into one file, for a third party to check
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  countersign audit export --signing-request 44efc9e6-915e-4b1d-9b54-801410d6922d --output lease.json
  countersign audit verify --file lease.json --key-file connect-keys --public-key 8a88e3dd…

It holds the deliveries' bytes and headers as they were received, personal data included.")]
pub(in crate::cli) struct Export {
    /// The signing request.
    #[arg(long, value_name = "ID")]
    signing_request: String,
    /// The file to write [default: stdout].
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    api: ApiArgs,
}

/// The file, begun when there is something to write into it.
struct Writing<'a> {
    export: &'a Export,
    to: Option<Box<dyn Write>>,
    records: usize,
    unsigned: usize,
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        Self::failed(error.to_string(), "check the setting `data_dir` and the disk behind it")
    }
}

impl Export {
    pub(super) fn run(self, terminal: &Terminal) -> Result<(), Error> {
        if self.api.names_a_server() {
            let todo = "run it where the store is, without --url";
            return Err(Error::usage("a file is taken out of the store itself", todo));
        }
        let audit = store::Audit::open(&self.api.load()?.settings.for_store(String::new()))?;
        let id = SigningRequestId::new(&self.signing_request);
        let bar = terminal.progress(audit.head()?.number, "looking through the chain");
        let mut writing = Writing { export: &self, to: None, records: 0, unsigned: 0 };
        audit.export(&id, |segment| writing.segment(&segment), |done| bar.inc(done))?;
        bar.finish_and_clear();
        if writing.to.is_none() {
            let todo = "look at `countersign events list --signing-request …`, or at what is in quarantine";
            return Err(Error::failed(format!("no record tells of the signing request {id}"), todo));
        }
        writing.finish()?;
        terminal.say(format_args!("{} records about {id}", writing.records));
        if writing.unsigned > 0 {
            terminal.say(format_args!(
                "{} of the newest are not signed yet: export again in a moment, or start the server where it is stopped",
                writing.unsigned
            ));
        }
        Ok(())
    }

    fn open(&self) -> Result<Box<dyn Write>, Error> {
        let Some(path) = &self.output else { return Ok(Box::new(io::stdout().lock())) };
        let file = File::create(path).map_err(|why| {
            let what = format!("{} cannot be written: {why}", path.display());
            Error::failed(what, "name a file in a folder that you may write to")
        })?;
        Ok(Box::new(BufWriter::new(file)))
    }
}

impl Writing<'_> {
    fn segment(&mut self, segment: &Segment) -> Result<(), Error> {
        let to = match &mut self.to {
            Some(to) => {
                to.write_all(b",\n")?;
                to
            }
            none => {
                let to = none.insert(self.export.open()?);
                let request = SigningRequestId::new(&self.export.signing_request);
                let head =
                    json!({"format": FORMAT, "made_at": SystemClock.now(), "signing_request": request});
                let head = head.to_string();
                // The object is left open: the segments follow one by one, however many there are.
                writeln!(to, "{},\"segments\":[", head.trim_end_matches('}'))?;
                to
            }
        };
        let own = segment.entries.iter().filter(|entry| entry.record.is_some()).count();
        let closed = segment.entries.last().and_then(|entry| entry.reads.as_ref());
        if closed.is_some_and(|reads| reads["kind"] == "checkpoint") {
            self.records += own - 1;
        } else {
            self.records += own;
            self.unsigned += own;
        }
        serde_json::to_writer(to, segment).map_err(io::Error::from)?;
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Error> {
        let Some(to) = &mut self.to else { return Ok(()) };
        to.write_all(b"\n]}\n")?;
        Ok(to.flush()?)
    }
}
