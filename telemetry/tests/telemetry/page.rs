//! The page that Prometheus reads, taken apart.
//!
//! What should stand on it is told by the tests.

use std::collections::{BTreeMap, BTreeSet};
use telemetry::{Build, Telemetry};

pub(crate) const BUILD: Build = Build { version: "0.1.0", revision: "abc1234", rustc: "1.95.0" };

pub(crate) fn installed() -> Telemetry {
    Telemetry::install(BUILD).unwrap()
}

/// A rendered page.
#[derive(Default)]
pub(crate) struct Page {
    /// Series, labels in their printed order, to value.
    pub(crate) series: BTreeMap<String, f64>,
    /// Metric to type.
    pub(crate) types: BTreeMap<String, String>,
    /// Metric to help.
    pub(crate) helps: BTreeMap<String, String>,
}

impl Page {
    pub(crate) fn of(telemetry: &Telemetry) -> Self {
        let mut page = Page::default();
        for line in telemetry.render().lines().filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            match words[..] {
                ["#", "TYPE", name, kind] => assert_eq!(page.types.insert(name.into(), kind.into()), None, "{line}"),
                ["#", "HELP", name, help] => assert_eq!(page.helps.insert(name.into(), help.into()), None, "{line}"),
                _ => {
                    let (series, value) = line.rsplit_once(' ').unwrap();
                    assert_eq!(page.series.insert(series.into(), value.parse().unwrap()), None, "{line}");
                }
            }
        }
        page
    }

    /// The value of a series.
    pub(crate) fn at(&self, series: &str) -> f64 {
        *self.series.get(series).unwrap_or_else(|| panic!("no {series} among {:#?}", self.series.keys()))
    }

    /// Metrics that have series: histograms without their suffixes.
    pub(crate) fn metrics(&self) -> BTreeSet<String> {
        let metric = |series: &String| {
            let name = series.split('{').next().unwrap();
            let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| {
                name.strip_suffix(suffix).filter(|name| self.types.get(*name).is_some_and(|kind| kind == "histogram"))
            });
            of_histogram.unwrap_or(name).to_owned()
        };
        self.series.keys().map(metric).collect()
    }

    /// Everything that is not zero, except what `except` begins with.
    pub(crate) fn moved(&self, except: &[&str]) -> BTreeMap<&str, f64> {
        let kept = |name: &&String| !except.iter().any(|prefix| name.starts_with(prefix)) && !name.contains("_bucket");
        let moved = self.series.iter().filter(|(name, value)| **value != 0.0 && kept(name));
        moved.map(|(name, value)| (name.as_str(), *value)).collect()
    }
}
