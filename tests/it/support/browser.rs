//! A real browser without a window: Chromium, driven by the W3C WebDriver protocol through Debian's `chromedriver`.

use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::server::Lines;
use super::{PATIENCE, eventually, http};

/// The key under which WebDriver names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with a profile of its own; ended when it is dropped.
#[derive(Debug)]
pub(crate) struct Browser {
    driver: Child,
    lines: Lines,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts one, as wide as a phone.
    pub(crate) async fn start() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("chromedriver is missing: run `tests/run` once, which installs it");
        let lines = Lines::default();
        lines.follow(driver.stdout.take().expect("a pipe"));
        lines.follow(driver.stderr.take().expect("a pipe"));
        let port = eventually("chromedriver listens", PATIENCE, async || {
            let all = lines.all();
            let line = all.iter().find_map(|line| line.split_once("successfully on port "))?;
            line.1.trim_end_matches('.').parse::<u16>().ok()
        })
        .await;
        let profile = TempDir::new().expect("a folder");
        let folder = profile.path().to_str().expect("a plain path");
        // As root it has no sandbox, and in a container little shared memory; it only ever sees pages of ours.
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--no-proxy-server",
            "--window-size=500,800",
            &format!("--user-data-dir={folder}"),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": {"args": arguments, "mobileEmulation": {
                "deviceMetrics": {"width": 360, "height": 740, "pixelRatio": 2.0, "touch": true},
            }},
        }}});
        let mut browser =
            Self { driver, lines, session: format!("http://127.0.0.1:{port}/session"), _profile: profile };
        let made = browser.ask(reqwest::Method::POST, "", &wanted).await;
        browser.session = format!("{}/{}", browser.session, made["sessionId"].as_str().expect("a session"));
        browser
    }

    async fn ask(&self, method: reqwest::Method, path: &str, body: &Value) -> Value {
        let request = http().request(method.clone(), format!("{}{path}", self.session));
        let request = if method == reqwest::Method::POST { request.json(body) } else { request };
        let answer: Value = request.send().await.expect("an answer").json().await.expect("JSON");
        let value = answer["value"].clone();
        assert!(value["error"].is_null(), "{method} {path}: {value}\n{}", self.lines.tail());
        value
    }

    /// Opens an address and waits until the page is loaded.
    pub(crate) async fn open(&self, url: &str) {
        self.ask(reqwest::Method::POST, "/url", &json!({"url": url})).await;
    }

    /// The address at which it is.
    pub(crate) async fn url(&self) -> String {
        self.ask(reqwest::Method::GET, "/url", &Value::Null).await.as_str().unwrap_or_default().to_owned()
    }

    /// What a script gives, which begins with `return`.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.ask(reqwest::Method::POST, "/execute/sync", &json!({"script": script, "args": []})).await
    }

    /// What the page's `h1` says.
    pub(crate) async fn heading(&self) -> String {
        let text = self.run("return document.querySelector('h1')?.innerText ?? ''").await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the page's `h1` says this.
    pub(crate) async fn sees(&self, heading: &str) {
        let what = format!("the browser shows \"{heading}\"");
        eventually(&what, PATIENCE, async || (self.heading().await == heading).then_some(())).await;
    }

    /// Clicks the one element of a CSS selector, as a user would: it must be visible and not be covered.
    pub(crate) async fn click(&self, selector: &str) {
        let by = json!({"using": "css selector", "value": selector});
        let found = self.ask(reqwest::Method::POST, "/element", &by).await;
        let path = format!("/element/{}/click", found[ELEMENT].as_str().expect("an element"));
        self.ask(reqwest::Method::POST, &path, &json!({})).await;
    }

    /// The cookies of the page where it is.
    pub(crate) async fn cookies(&self) -> Vec<Value> {
        let all = self.ask(reqwest::Method::GET, "/cookie", &Value::Null).await;
        all.as_array().cloned().unwrap_or_default()
    }

    /// What the browser's console complained of so far.
    pub(crate) async fn complaints(&self) -> Vec<Value> {
        let all = self.ask(reqwest::Method::POST, "/se/log", &json!({"type": "browser"})).await;
        all.as_array().cloned().unwrap_or_default()
    }

    /// Ends it.
    pub(crate) async fn close(self) {
        self.ask(reqwest::Method::DELETE, "", &Value::Null).await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends its browser with it.
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
