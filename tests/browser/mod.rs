//! A headless Chromium, driven over two pipes with its DevTools protocol: no driver program, no port, no crate.
//!
//! Promises that the browser ends with the test, and that every message of a page (console, exception, request) is
//! kept for it to judge.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest wait for an answer; a loaded machine may take long to start a browser.
const PATIENCE: Duration = Duration::from_secs(90);

/// Messages end with this byte in either direction.
const END: u8 = 0;

/// Where a Chromium is: `RMSIM_CHROMIUM`, or one of its usual names in the path; `None` if there is none.
pub fn find() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("RMSIM_CHROMIUM") {
        return Some(PathBuf::from(path));
    }
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|path| path.is_file())
}

/// A browser with one page.
pub struct Browser {
    process: Child,
    commands: ChildStdin,
    messages: Receiver<Value>,
    session: String,
    next: u64,
    /// What the page said that no page of ours should: errors, warnings, requests to other places.
    pub complaints: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts the browser with an empty profile.
    pub fn start(program: &Path) -> Self {
        let profile = tempfile::tempdir().unwrap();
        // The protocol speaks on descriptors 3 and 4; the shell makes them of the pipes.
        let mut process = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>/dev/null"#])
            .arg(program)
            .args([
                "--remote-debugging-pipe",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
            ])
            .args(["--no-first-run", "--disable-background-networking", "--disable-component-update"])
            .args(["--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the browser starts");
        let commands = process.stdin.take().unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap());
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            while answers.read_until(END, &mut bytes).is_ok_and(|read| read > 0) {
                bytes.pop();
                if serde_json::from_slice(&bytes).is_ok_and(|message| sender.send(message).is_err()) {
                    return;
                }
                bytes.clear();
            }
        });
        let mut browser = Self {
            process,
            commands,
            messages,
            session: String::new(),
            next: 0,
            complaints: Vec::new(),
            _profile: profile,
        };
        let target = browser.send("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.send("Target.attachToTarget", &attach);
        browser.session = session["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.send(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Sends a command and waits for its answer.
    pub fn send(&mut self, method: &str, parameters: &Value) -> Value {
        self.next += 1;
        let id = self.next;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(END);
        self.commands.write_all(&bytes).expect("the browser listens");
        self.until(method, |message| (message["id"] == id).then(|| message.clone()))
    }

    /// Waits for a message; all others are judged.
    fn until(&mut self, what: &str, wanted: impl Fn(&Value) -> Option<Value>) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let message = match self.messages.recv_timeout(left) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => panic!("no answer to {what} within {PATIENCE:?}"),
                Err(RecvTimeoutError::Disconnected) => panic!("the browser ended before it answered {what}"),
            };
            self.judge(&message);
            if let Some(found) = wanted(&message) {
                assert!(found["error"].is_null(), "{what}: {}", found["error"]);
                return if found["result"].is_null() { found } else { found["result"].clone() };
            }
        }
    }

    fn judge(&mut self, message: &Value) {
        let parameters = &message["params"];
        match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => {
                self.complaints.push(format!("exception: {}", parameters["exceptionDetails"]));
            }
            Some("Runtime.consoleAPICalled") => {
                self.complaints.push(format!("console: {}", parameters["args"]));
            }
            Some("Log.entryAdded") => self.complaints.push(format!("log: {}", parameters["entry"])),
            Some("Network.requestWillBeSent") => {
                let address = parameters["request"]["url"].as_str().unwrap_or_default();
                if !address.starts_with("file:") && !address.starts_with("data:") {
                    self.complaints.push(format!("request: {address}"));
                }
            }
            _ => {}
        }
    }

    /// Opens a file and waits until it is loaded and drawn.
    pub fn open(&mut self, path: &Path) {
        self.send("Page.navigate", &json!({"url": format!("file://{}", path.display())}));
        self.until("load", |message| (message["method"] == "Page.loadEventFired").then(|| message.clone()));
        self.settle();
    }

    /// Waits for two frames: sizes are observed in the first, drawn in the second.
    pub fn settle(&mut self) {
        self.evaluate(
            "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))",
        );
    }

    /// Width and height of the window in pixels of the page, and the theme that the system prefers.
    pub fn window(&mut self, width: u32, height: u32, theme: &str) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.send("Emulation.setDeviceMetricsOverride", &size);
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": theme}]});
        self.send("Emulation.setEmulatedMedia", &features);
        self.settle();
    }

    /// The value of an expression of JavaScript; a promise is waited for.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let answer = self.send("Runtime.evaluate", &parameters);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Moves, presses (`mousePressed`) or releases (`mouseReleased`) the mouse.
    pub fn mouse(&mut self, kind: &str, x: f64, y: f64) {
        let buttons = u32::from(kind != "mouseReleased");
        let parameters = json!({
            "type": kind, "x": x, "y": y, "clickCount": 1,
            "button": if kind == "mouseMoved" { "none" } else { "left" }, "buttons": buttons,
        });
        self.send("Input.dispatchMouseEvent", &parameters);
    }

    /// Writes a picture of the whole page.
    pub fn screenshot(&mut self, path: &Path) {
        let parameters = json!({"format": "png", "captureBeyondViewport": true});
        let answer = self.send("Page.captureScreenshot", &parameters);
        std::fs::write(path, decoded(answer["data"].as_str().unwrap())).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Base64, as the protocol sends bytes.
fn decoded(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => u32::from(byte - b'A'),
        b'a'..=b'z' => u32::from(byte - b'a') + 26,
        b'0'..=b'9' => u32::from(byte - b'0') + 52,
        b'+' => 62,
        b'/' => 63,
        other => panic!("{other} is no base64"),
    };
    let digits: Vec<u32> = text.bytes().filter(|&byte| byte != b'=').map(value).collect();
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let bits = group.iter().fold(0, |bits, digit| bits << 6 | digit) << (6 * (4 - group.len()));
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    bytes
}
