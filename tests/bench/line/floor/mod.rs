//! `floor`: bare servers that do less than the program, to see what is left to gain.

mod journal;
mod line;
mod publish;

use std::io::Write as _;

use actix_web::dev::{Server, ServiceFactory, ServiceRequest};
use actix_web::web::{Bytes, PayloadConfig};
use actix_web::{App, HttpResponse, HttpServer, web};

/// The largest body that is taken.
const BODY_BYTES_MAX: usize = 64 << 20;

/// Runs a bare server, or a bare publisher.
#[derive(Debug, clap::Args)]
pub(crate) struct Floor {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// A server that only reads each body and answers 200.
    Read,
    /// A server that checks the signature, appends the body to a file, answers 200 once it is on disk, and publishes it,
    /// persistent and confirmed, as it came.
    Line(line::Line),
    /// No server: publishes messages of one size, persistent and confirmed, and prints how fast.
    Publish(publish::Publish),
}

/// Runs it until it is killed, or done.
pub(crate) fn run(floor: &Floor) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match &floor.what {
            What::Read => Ok(serve(|| {
                let large = PayloadConfig::new(BODY_BYTES_MAX);
                App::new().app_data(large).route("/connect", web::post().to(read))
            })?
            .await?),
            What::Line(line) => line::run(line).await,
            What::Publish(publish) => publish::run(publish).await,
        }
    })
}

async fn read(body: Bytes) -> HttpResponse {
    HttpResponse::Ok().json(body.len())
}

/// Serves on a free port with one thread for each core, as the program does, and prints the port.
fn serve<A>(app: impl Fn() -> App<A> + Send + Clone + 'static) -> anyhow::Result<Server>
where
    A: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = actix_web::dev::ServiceResponse,
            Error = actix_web::Error,
            InitError = (),
        > + 'static,
{
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let server = HttpServer::new(app).workers(threads).tcp_nodelay(true).bind(("127.0.0.1", 0))?;
    for address in server.addrs() {
        writeln!(std::io::stdout(), "listening on {address}")?;
    }
    std::io::stdout().flush()?;
    Ok(server.run())
}
