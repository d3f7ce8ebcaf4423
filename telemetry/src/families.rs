//! Families of handles: one metric with every combination of its labels, resolved once and found by arithmetic.
//!
//! Which metrics there are does not live here but in `catalogue`.

use crate::catalogue::{CATALOGUE, MetricKind, MetricRow, Values};
use crate::error::Error;
use crate::exact::ExactCounter;
use crate::labels::Label;
use metrics::{Counter, Gauge, Histogram, Key, Level, Metadata, Recorder};
use metrics_exporter_prometheus::PrometheusRecorder;
use std::marker::PhantomData;
use std::sync::Arc;

const METADATA: Metadata<'static> = Metadata::new("telemetry", Level::INFO, None);

/// A combination of label values.
pub trait LabelSet: Copy {
    /// The values of each label, in order.
    const LABELS: &'static [&'static [&'static str]];
    /// The place of this combination among all, the last label running fastest.
    fn index(self) -> usize;

    /// How many combinations there are.
    const SIZE: usize = {
        let mut size = 1;
        let mut label = 0;
        while label < Self::LABELS.len() {
            size *= Self::LABELS[label].len();
            label += 1;
        }
        size
    };
}

impl LabelSet for () {
    const LABELS: &'static [&'static [&'static str]] = &[];
    fn index(self) -> usize {
        0
    }
}

impl<A: Label> LabelSet for (A,) {
    const LABELS: &'static [&'static [&'static str]] = &[A::VALUES];
    fn index(self) -> usize {
        self.0.index()
    }
}

impl<A: Label, B: Label> LabelSet for (A, B) {
    const LABELS: &'static [&'static [&'static str]] = &[A::VALUES, B::VALUES];
    fn index(self) -> usize {
        self.0.index() * B::VALUES.len() + self.1.index()
    }
}

impl<A: Label, B: Label, C: Label> LabelSet for (A, B, C) {
    const LABELS: &'static [&'static [&'static str]] = &[A::VALUES, B::VALUES, C::VALUES];
    fn index(self) -> usize {
        (self.0.index() * B::VALUES.len() + self.1.index()) * C::VALUES.len() + self.2.index()
    }
}

/// One number for every combination of labels: what others hand over as totals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts<L: LabelSet>(Box<[u64]>, PhantomData<L>);

impl<L: LabelSet> Default for Counts<L> {
    fn default() -> Self {
        Counts(vec![0; L::SIZE].into(), PhantomData)
    }
}

impl<L: LabelSet> Counts<L> {
    /// Sets a number.
    pub fn set(&mut self, labels: L, number: u64) {
        self.0[labels.index()] = number;
    }

    /// Adds to a number.
    pub fn add(&mut self, labels: L, number: u64) {
        self.0[labels.index()] += number;
    }

    /// A number.
    pub fn get(&self, labels: L) -> u64 {
        self.0[labels.index()]
    }

    pub(crate) fn add_all(&mut self, others: &Counts<L>) {
        self.0.iter_mut().zip(&others.0).for_each(|(sum, number)| *sum += number);
    }
}

/// A handle for every combination of labels.
pub(crate) struct Family<L: LabelSet, H>(Box<[H]>, PhantomData<L>);

impl<L: LabelSet, H> Family<L, H> {
    pub(crate) fn at(&self, labels: L) -> &H {
        &self.0[labels.index()]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &H> {
        self.0.iter()
    }
}

pub(crate) type Counters<L> = Family<L, Counter>;
pub(crate) type Gauges<L> = Family<L, Gauge>;
pub(crate) type Histograms<L> = Family<L, Histogram>;
pub(crate) type ExactCounters<L> = Family<L, Arc<ExactCounter>>;

impl<L: LabelSet> Counters<L> {
    /// Totals never shrink: a smaller number leaves the counter as it is.
    pub(crate) fn absolute(&self, totals: &Counts<L>) {
        self.0.iter().zip(&totals.0).for_each(|(counter, total)| counter.absolute(*total));
    }
}

impl<L: LabelSet> Gauges<L> {
    pub(crate) fn set_all(&self, numbers: &Counts<L>) {
        self.0.iter().zip(&numbers.0).for_each(|(gauge, number)| gauge.set(*number as f64));
    }
}

/// Makes families by the catalogue, and remembers what it has made.
pub(crate) struct Maker<'a> {
    recorder: &'a PrometheusRecorder,
    made: Vec<&'static str>,
    pub(crate) exact: Vec<Arc<ExactCounter>>,
}

impl<'a> Maker<'a> {
    pub(crate) fn new(recorder: &'a PrometheusRecorder) -> Self {
        for row in CATALOGUE.iter().filter(|row| !row.exact) {
            match row.kind {
                MetricKind::Counter => recorder.describe_counter(row.name.into(), None, row.help.into()),
                MetricKind::Gauge => recorder.describe_gauge(row.name.into(), None, row.help.into()),
                MetricKind::Histogram => recorder.describe_histogram(row.name.into(), None, row.help.into()),
            }
        }
        Maker { recorder, made: Vec::new(), exact: Vec::new() }
    }

    pub(crate) fn counters<L: LabelSet>(&mut self, name: &'static str) -> Result<Counters<L>, Error> {
        let row = self.row::<L>(name, MetricKind::Counter)?;
        Ok(family(row, |labels| {
            let counter = self.recorder.register_counter(&key(name, labels), &METADATA);
            counter.absolute(0);
            counter
        }))
    }

    pub(crate) fn gauges<L: LabelSet>(&mut self, name: &'static str) -> Result<Gauges<L>, Error> {
        let row = self.row::<L>(name, MetricKind::Gauge)?;
        Ok(family(row, |labels| {
            let gauge = self.recorder.register_gauge(&key(name, labels), &METADATA);
            gauge.set(0.0);
            gauge
        }))
    }

    pub(crate) fn histograms<L: LabelSet>(&mut self, name: &'static str) -> Result<Histograms<L>, Error> {
        let row = self.row::<L>(name, MetricKind::Histogram)?;
        Ok(family(row, |labels| self.recorder.register_histogram(&key(name, labels), &METADATA)))
    }

    /// Counters in millionths, printed as decimals: money and seconds.
    pub(crate) fn exact_counters<L: LabelSet>(&mut self, name: &'static str) -> Result<ExactCounters<L>, Error> {
        let row = self.row::<L>(name, MetricKind::Counter)?;
        if !row.exact {
            return Err(Error::Catalogue { name, problem: "the catalogue does not call it exact".to_owned() });
        }
        let exact = family(row, |labels| Arc::new(ExactCounter::new(row, labels)));
        self.exact.extend(exact.iter().cloned());
        Ok(exact)
    }

    /// A gauge with labels that are known at the start only.
    pub(crate) fn gauge_with(&mut self, name: &'static str, labels: &[(&'static str, String)]) -> Result<Gauge, Error> {
        self.made.push(name);
        Ok(self.recorder.register_gauge(&key(name, labels.to_vec()), &METADATA))
    }

    /// A metric that has carriers as labels is made where carriers are; it is only noted here.
    pub(crate) fn noted(&mut self, names: &[&'static str]) {
        self.made.extend(names);
    }

    /// Whether everything that the catalogue lists was made.
    pub(crate) fn finish(self) -> Result<Vec<Arc<ExactCounter>>, Error> {
        match CATALOGUE.iter().find(|row| !self.made.contains(&row.name)) {
            Some(row) => Err(Error::Catalogue { name: row.name, problem: "nothing makes it".to_owned() }),
            None => Ok(self.exact),
        }
    }

    fn row<L: LabelSet>(&mut self, name: &'static str, kind: MetricKind) -> Result<&'static MetricRow, Error> {
        let differs = |problem: String| Error::Catalogue { name, problem };
        let row = CATALOGUE.iter().find(|row| row.name == name);
        let row = row.ok_or_else(|| differs("it is not in the catalogue".to_owned()))?;
        if row.kind != kind {
            return Err(differs(format!("the catalogue calls it a {}", row.kind.as_str())));
        }
        let listed: Vec<_> = row.labels.iter().map(|label| label.values).collect();
        let made: Vec<_> = L::LABELS.iter().copied().map(Values::Closed).collect();
        if listed != made {
            return Err(differs(format!("the catalogue lists {listed:?}, the code has {made:?}")));
        }
        self.made.push(name);
        Ok(row)
    }
}

fn family<L: LabelSet, H>(
    row: &'static MetricRow,
    mut make: impl FnMut(Vec<(&'static str, String)>) -> H,
) -> Family<L, H> {
    let handles = (0..L::SIZE).map(|index| {
        let mut rest = index;
        let mut labels: Vec<_> = row
            .labels
            .iter()
            .zip(L::LABELS)
            .rev()
            .collect::<Vec<_>>()
            .into_iter()
            .map(|(label, values)| {
                let value = values[rest % values.len()];
                rest /= values.len();
                (label.name, value.to_owned())
            })
            .collect();
        labels.reverse();
        make(labels)
    });
    Family(handles.collect(), PhantomData)
}

pub(crate) fn key(name: &'static str, labels: Vec<(&'static str, String)>) -> Key {
    let labels: Vec<_> = labels.into_iter().map(|(label, value)| metrics::Label::new(label, value)).collect();
    Key::from_parts(name, labels)
}

pub(crate) fn metadata() -> &'static Metadata<'static> {
    &METADATA
}
