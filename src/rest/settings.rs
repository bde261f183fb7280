//! Where DocuSign is and who we are there.

use secrecy::SecretString;
use url::Url;

use super::Error;

/// What a [`super::Client`] needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// DocuSign's authorisation server: `https://account-d.docusign.com` (demo) or `https://account.docusign.com`.
    pub auth_url: String,
    /// The REST API's host, such as `https://demo.docusign.net`; where absent it is asked from DocuSign, account
    /// by account, which is right in production.
    pub base_uri: Option<String>,
    /// The integration key.
    pub client_id: String,
    /// The integration's secret; without one it is a public client, and PKCE its only proof.
    pub client_secret: Option<SecretString>,
    /// GUID of the user for whom we act.
    pub user_id: String,
    /// The integration's RSA key as PEM, PKCS#1 or PKCS#8 (line ends may be written `\n`).
    pub private_key: Option<SecretString>,
    /// A token made elsewhere, used as it is in place of the JWT grant.
    pub access_token: Option<SecretString>,
    /// A redirect address registered with the integration: where users come back to who link their accounts.
    pub redirect_url: Option<String>,
    /// How we name ourselves.
    pub user_agent: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            auth_url: "https://account-d.docusign.com".to_owned(),
            base_uri: None,
            client_id: String::new(),
            client_secret: None,
            user_id: String::new(),
            private_key: None,
            access_token: None,
            redirect_url: None,
            user_agent: concat!("countersign/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Reads an address to which paths will be added; `name` is the setting that a message names.
pub(super) fn address(name: &str, text: &str) -> Result<Url, Error> {
    let wrong = |why: &str| Error::Settings(format!("{name} {why}, such as https://account-d.docusign.com"));
    let url = Url::parse(text.trim()).map_err(|_| wrong("must be an http or https address"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("must be an http or https address"));
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(wrong("must be a plain address without user, query and fragment"));
    }
    Ok(url)
}

/// `url` with path segments added; what would need escaping in them is escaped.
pub(super) fn below(url: &Url, segments: &[&str]) -> Url {
    let mut url = url.clone();
    // Never an error: `address` lets only http and https pass, which have a path.
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_cannot_be_meant_is_refused_by_the_name_of_its_setting() {
        for text in
            ["", "account-d.docusign.com", "ftp://a.example", "https://u:p@a.example", "https://a.example?x"]
        {
            let error = address("docusign.auth_url", text).unwrap_err().to_string();
            assert!(error.contains("docusign.auth_url"), "{error}");
            assert!(!error.contains("u:p"), "{error}");
        }
    }

    #[test]
    fn segments_cannot_leave_their_place() {
        let url = address("base_uri", "https://demo.docusign.net/").unwrap();
        assert_eq!(
            below(&url, &["a/b", "c?d", "e#f"]).as_str(),
            "https://demo.docusign.net/a%2Fb/c%3Fd/e%23f"
        );
    }
}
