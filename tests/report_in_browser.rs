//! The report in a real browser: no error, no request, values under the pointer, zoom, both themes, narrow and wide.
//!
//! Runs when a Chromium is found (`RMSIM_CHROMIUM` names one, and makes its absence an error). `RMSIM_SCREENSHOTS=DIR`
//! keeps pictures of all pages.

mod browser;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use browser::Browser;
use serde_json::Value;

fn rmsim(args: &[&str]) {
    let done = Command::new(env!("CARGO_BIN_EXE_rmsim")).args(args).output().expect("rmsim starts");
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// A browser, unless there is none.
fn browser() -> Option<Browser> {
    let program = browser::find();
    if program.is_none() {
        println!("no Chromium found: the report was not opened in a browser");
    }
    program.map(|program| Browser::start(&program))
}

const SIZES: [(u32, u32); 2] = [(400, 800), (1600, 1000)];

/// Opens a page in both widths and both themes; it must fit, stay quiet, and show its sections.
fn looks_right(browser: &mut Browser, page: &Path, name: &str, sections: &[&str]) {
    let pictures = std::env::var_os("RMSIM_SCREENSHOTS").map(PathBuf::from);
    for (width, height) in SIZES {
        for theme in ["light", "dark"] {
            browser.window(width, height, theme);
            browser.open(page);
            let place = format!("{name}, {width} pixels, {theme}");
            assert_eq!(browser.complaints, Vec::<String>::new(), "{place}");
            let widest = browser.evaluate("document.documentElement.scrollWidth");
            assert!(widest.as_u64() <= Some(u64::from(width)), "{place}: the page is {widest} pixels wide");
            for section in sections {
                let seen =
                    browser.evaluate(&format!("document.getElementById('{section}').offsetHeight > 40"));
                assert_eq!(seen, Value::Bool(true), "{place}: section {section}");
            }
            let contrast = browser.evaluate(CONTRAST);
            assert!(contrast.as_f64() >= Some(4.5), "{place}: contrast of text is {contrast}");
            let unnamed = browser.evaluate(UNNAMED);
            assert_eq!(unnamed, Value::from(0), "{place}: controls without a name");
            if let Some(folder) = &pictures {
                fs::create_dir_all(folder).unwrap();
                browser.screenshot(&folder.join(format!("{name}-{width}-{theme}.png")));
            }
        }
    }
}

/// The least contrast of texts with their background, by WCAG 2.
const CONTRAST: &str = r"(() => {
    const parse = (text) => text.match(/[\d.]+/g).map(Number);
    const light = (rgb) => {
        const [r, g, b] = rgb.slice(0, 3).map((c) => (c / 255 <= 0.03928 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const back = parse(getComputedStyle(at).backgroundColor);
            if (back.length < 4 || back[3] > 0) return back;
        }
        return [255, 255, 255];
    };
    const texts = document.querySelectorAll('h1, h2, h3, p, dt, dd, td, th, a, label, button:not(:disabled), .note, .verdict, .letter');
    return Math.min(...[...texts].filter((text) => text.offsetHeight && text.textContent.trim()).map((text) => {
        const [a, b] = [light(parse(getComputedStyle(text).color)), light(behind(text))];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    }));
})()";

/// Controls that a screen reader could not name.
const UNNAMED: &str = r"[...document.querySelectorAll('button, input, select, canvas, svg[tabindex]')].filter((control) =>
    !(control.getAttribute('aria-label') || control.textContent.trim() || control.closest('label'))).length";

/// The middle of an element after it was brought into view.
fn middle(browser: &mut Browser, selector: &str) -> (f64, f64, f64) {
    let place = browser.evaluate(&format!(
        "(() => {{ const element = document.querySelector({selector:?}); \
         element.scrollIntoView({{ block: 'center', behavior: 'instant' }}); \
         const box = element.getBoundingClientRect(); \
         return [box.left + box.width / 2, box.top + box.height / 2, box.width]; }})()"
    ));
    browser.settle();
    let number = |index: usize| place[index].as_f64().unwrap_or_else(|| panic!("{selector}: {place}"));
    (number(0), number(1), number(2))
}

fn tip(browser: &mut Browser) -> String {
    let text = browser.evaluate(
        "(() => { const tip = document.getElementById('tip'); return tip.hidden ? '' : tip.innerText; })()",
    );
    text.as_str().unwrap().to_owned()
}

/// Drags across the middle half of an element.
fn drag(browser: &mut Browser, selector: &str) {
    let (x, y, width) = middle(browser, selector);
    browser.mouse("mouseMoved", x - width / 5.0, y);
    browser.mouse("mousePressed", x - width / 5.0, y);
    browser.mouse("mouseMoved", x, y);
    browser.mouse("mouseMoved", x + width / 5.0, y);
    browser.mouse("mouseReleased", x + width / 5.0, y);
    browser.settle();
}

#[test]
fn the_page_of_a_run_works() {
    let Some(mut browser) = browser() else { return };
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("run");
    rmsim(&["run", "-q", "--out", folder.to_str().unwrap()]);
    let page = folder.join("report.html");
    let bytes = fs::metadata(&page).unwrap().len();
    assert!(bytes < 5_000_000, "the quickstart's report has {bytes} bytes");
    let sections = ["summary", "over-time", "shares", "jobs", "devices", "tenants", "metrics", "about"];
    looks_right(&mut browser, &page, "quickstart", &sections);

    browser.window(1600, 1000, "light");
    browser.open(&page);
    // Values under the pointer, on every kind of drawing.
    for (selector, expected) in [
        ("[data-chart=utilization] svg", "%"),
        ("[data-chart=waits] svg", "at most"),
        ("[data-chart=fidelity] svg", "predicted"),
        (".gantt canvas", "Qubit"),
        (".map circle", "Qubit 0"),
    ] {
        let (x, y, _) = middle(&mut browser, selector);
        browser.mouse("mouseMoved", x, y);
        browser.settle();
        let shown = tip(&mut browser);
        assert!(shown.contains(expected), "{selector} shows {shown:?}");
    }
    // Dragging zooms in, a double click shows all again.
    let curve = "document.querySelector('[data-chart=utilization] .curve').getAttribute('d')";
    let whole = browser.evaluate(curve);
    drag(&mut browser, "[data-chart=utilization] svg");
    assert_ne!(browser.evaluate(curve), whole, "dragging does not zoom");
    browser.evaluate(
        "document.querySelector('[data-chart=utilization] svg').dispatchEvent(new MouseEvent('dblclick'))",
    );
    assert_eq!(browser.evaluate(curve), whole);
    let schedule = "document.querySelector('.gantt canvas').getAttribute('aria-label')";
    let before = browser.evaluate(schedule);
    drag(&mut browser, ".gantt canvas");
    assert_ne!(browser.evaluate(schedule), before, "dragging does not zoom the schedule");
    // The slider moves the device through time.
    let status = "document.querySelector('#device-view .note').textContent";
    let before = browser.evaluate(status);
    assert!(before.as_str().unwrap().contains(" qubits, "), "{before}");
    browser.evaluate(
        "(() => { const slider = document.getElementById('moment'); slider.value = 500; slider.dispatchEvent(new Event('input')); })()",
    );
    assert_ne!(browser.evaluate(status), before);
    // The keyboard reads values, too.
    middle(&mut browser, "[data-chart=utilization] svg");
    browser.evaluate("document.querySelector('[data-chart=utilization] svg').focus({ preventScroll: true })");
    for key in ["ArrowRight", "+"] {
        browser.evaluate(&format!(
            "document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true }}))"
        ));
    }
    assert!(tip(&mut browser).contains("fleet"), "{}", tip(&mut browser));
    // Tables sort by value, both ways.
    let jobs = "[...document.querySelectorAll('.tenants:not([hidden]) tbody tr')].map((row) => Number(row.cells[1].dataset.v))";
    browser.evaluate("document.querySelectorAll('.tenants:not([hidden]) thead button')[1].click()");
    let down = browser.evaluate(jobs);
    browser.evaluate("document.querySelectorAll('.tenants:not([hidden]) thead button')[1].click()");
    let up = browser.evaluate(jobs);
    let numbers =
        |value: &Value| value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect::<Vec<_>>();
    assert!(numbers(&down).is_sorted_by(|a, b| a >= b) && numbers(&down).len() == 40, "{down}");
    assert!(numbers(&up).is_sorted(), "{up}");
    // The theme can be chosen.
    let back = "getComputedStyle(document.body).backgroundColor";
    let light = browser.evaluate(back);
    browser.evaluate("theme.apply('dark')");
    assert_ne!(browser.evaluate(back), light);
    assert_eq!(browser.complaints, Vec::<String>::new());
}

#[test]
fn replications_and_comparisons_have_pages() {
    let Some(mut browser) = browser() else { return };
    let base = tempfile::tempdir().unwrap();
    let small = ["-q", "--replications", "3", "--set", "horizon={jobs: 1500}", "--set", "warm_up=none"];
    let folder = base.path().join("many");
    let out = ["--out", folder.to_str().unwrap()];
    rmsim(&[&["run"], &small[..], &out].concat());
    looks_right(
        &mut browser,
        &folder.join("report.html"),
        "replications",
        &["summary", "devices", "metrics"],
    );
    assert!(fs::read_to_string(folder.join("report.html")).unwrap().contains(" ± "));

    let folder = base.path().join("compare");
    let out = ["--out", folder.to_str().unwrap()];
    let vary = [
        "compare",
        "--vary",
        "allocator.strategy=first_fit,noise_aware",
        "--vary",
        "allocator.isolation.buffer_distance=0,1",
    ];
    rmsim(&[&vary[..], &small, &out].concat());
    let page = folder.join("report.html");
    looks_right(
        &mut browser,
        &page,
        "comparison",
        &["verdicts", "differences", "replications", "trade-off", "about"],
    );
    browser.window(1600, 1000, "light");
    browser.open(&page);
    let (x, y, _) = middle(&mut browser, "[data-chart=forest] g");
    browser.mouse("mouseMoved", x, y);
    browser.settle();
    assert!(tip(&mut browser).contains("95 % interval"), "{}", tip(&mut browser));
    let shown = "[...document.querySelectorAll('#comparison tbody tr')].filter((row) => !row.hidden).length";
    let all = browser.evaluate(shown);
    browser.evaluate("(() => { const filter = document.getElementById('verdict-filter'); filter.value = 'decided'; filter.dispatchEvent(new Event('change')); })()");
    assert!(browser.evaluate(shown).as_u64() < all.as_u64());
    assert_eq!(browser.complaints, Vec::<String>::new());
}

/// Names are text, wherever they come from: in the summary, in tables, in what scripts draw, under the pointer.
#[test]
fn hostile_names_are_text() {
    let Some(mut browser) = browser() else { return };
    let base = tempfile::tempdir().unwrap();
    let scenario = base.path().join("hostile.yaml");
    // Names of devices are spared some signs by the scenario reader.
    let device = "<img src=x onerror=attacked=1>&amp;";
    let attack = "</script><img src=x onerror=attacked=1><script>attacked=1</script>&amp;";
    fs::write(
        &scenario,
        format!(
            "scenario: hostile\ndescription: \"{attack}\"\nhorizon: {{jobs: 40}}\n\
             fleet: [{{device: iqm_garnet, name: \"{device}\"}}]\n\
             workload: {{arrivals: {{poisson: {{rate: 600/h}}}}, jobs: [{{name: \"{attack}\", qubits: 3}}]}}\n"
        ),
    )
    .unwrap();
    let folder = base.path().join("run");
    rmsim(&["run", "-q", scenario.to_str().unwrap(), "--out", folder.to_str().unwrap()]);
    browser.window(1600, 1000, "light");
    browser.open(&folder.join("report.html"));
    let (x, y, _) = middle(&mut browser, ".gantt canvas");
    browser.mouse("mouseMoved", x, y);
    browser.settle();
    assert_eq!(browser.evaluate("typeof attacked"), Value::from("undefined"));
    assert_eq!(browser.evaluate("document.images.length"), Value::from(0));
    assert_eq!(browser.evaluate("document.querySelector('.description').textContent"), Value::from(attack));
    let holders = browser.evaluate("document.querySelector('.holders').textContent");
    assert!(holders.as_str().unwrap().contains(attack), "{holders}");
    assert_eq!(browser.complaints, Vec::<String>::new());
}
