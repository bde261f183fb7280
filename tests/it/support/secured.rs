//! A RabbitMQ node that speaks TLS with certificates of its own, asks clients for theirs, and has the management API.

use tokio::sync::OnceCell;

use super::certificates::{Authority, Pair};
use super::rabbit::{Extras, Rabbit, free_ports};

/// The user whose client certificate is its login, and whose password is its name. It has no tag.
pub(crate) const CLIENT: &str = "countersign-client";
/// Tests that share the node, each with a virtual host of its own, and some to spare.
const VHOSTS: usize = 12;

/// The node, shared by the tests that do it no harm.
#[derive(Debug)]
pub(crate) struct Secured {
    pub(crate) rabbit: Rabbit,
    /// Who signed its certificate, and whose clients it takes.
    pub(crate) authority: Authority,
    /// The certificate of [`CLIENT`].
    pub(crate) client: Pair,
    pub(crate) tls_port: u16,
    management_ports: [u16; 2],
}

impl Secured {
    pub(crate) async fn shared() -> &'static Self {
        static SHARED: OnceCell<Secured> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await
    }

    async fn start() -> Self {
        let authority = Authority::new("the tests' own CA");
        let (broker, client) = (authority.for_broker(), authority.for_client(CLIENT));
        let [tls_port, http, https] = free_ports();
        let (ca, certificate, key) = (authority.certificate(), broker.certificate, broker.key);
        let files = |prefix: &str| {
            let (ca, certificate, key) = (ca.display(), certificate.display(), key.display());
            format!(
                "{prefix}.cacertfile = {ca}\n{prefix}.certfile = {certificate}\n{prefix}.keyfile = {key}\n"
            )
        };
        let settings = format!(
            "listeners.ssl.1 = 127.0.0.1:{tls_port}\n{}\
             ssl_options.verify = verify_peer\nssl_options.fail_if_no_peer_cert = true\n\
             auth_mechanisms.1 = PLAIN\nauth_mechanisms.2 = AMQPLAIN\nauth_mechanisms.3 = EXTERNAL\n\
             ssl_cert_login_from = common_name\n\
             management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {http}\n\
             management.ssl.ip = 127.0.0.1\nmanagement.ssl.port = {https}\n{}",
            files("ssl_options"),
            files("management.ssl"),
        );
        let extras = Extras {
            vhosts: VHOSTS,
            settings,
            plugins: "rabbitmq_management, rabbitmq_auth_mechanism_ssl",
            users: &[CLIENT],
            ..Extras::default()
        };
        let rabbit = Rabbit::with(extras).await;
        Self { rabbit, authority, client, tls_port, management_ports: [http, https] }
    }

    /// The address over TLS that means the same as a plain one, with these parameters.
    pub(crate) fn over_tls(&self, plain: &str, query: &str) -> String {
        let address = plain.replacen("amqp://", "amqps://", 1);
        let address =
            address.replacen(&format!(":{}/", self.rabbit.port()), &format!(":{}/", self.tls_port), 1);
        format!("{address}?{query}")
    }

    /// The parameters that let us in: the CA, our certificate and its key.
    pub(crate) fn credentials(&self) -> String {
        format!("cacertfile={}&{}", self.authority.certificate().display(), parameters(&self.client))
    }

    /// The management API over plain HTTP.
    pub(crate) fn management(&self) -> String {
        format!("http://127.0.0.1:{}", self.management_ports[0])
    }

    /// The same over HTTPS.
    pub(crate) fn secure_management(&self) -> String {
        format!("https://127.0.0.1:{}", self.management_ports[1])
    }
}

/// A certificate and its key as parameters of an address.
pub(crate) fn parameters(pair: &Pair) -> String {
    format!("certfile={}&keyfile={}", pair.certificate.display(), pair.key.display())
}
