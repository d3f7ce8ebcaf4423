//! The summary as people read it.
//!
//! What it says is in `summary`.

use crate::summary::{Percentiles, Rtp, Summary};
use crate::tandem::{Books, Measured, Ticks};
use std::fmt::Write;

/// The histograms that are shown, and what they are called.
const ROWS: [(&str, &str); 9] = [
    ("registration", "registration"),
    ("setup", "set-up (SRD)"),
    ("refusal", "refusal"),
    ("answer", "answer"),
    ("disconnect", "hang-up (SDD)"),
    ("rtp_round_trip", "RTP round trip"),
    ("rtp_one_way", "RTP one way"),
    ("sent_late", "call sent late"),
    ("rtp_sent_late", "RTP sent late"),
];

/// The summary, many lines.
pub fn table(summary: &Summary) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(summary, &mut out);
    out
}

fn write(summary: &Summary, out: &mut String) -> std::fmt::Result {
    let Summary { target, pbxs, rate, arrivals, duration_s, hold_s, media, seed, took_s, .. } = summary;
    writeln!(
        out,
        "{target}: {pbxs} PBXs, {rate} calls/s ({arrivals}) for {duration_s} s, {hold_s} s each, sound: {media}, seed {seed}; took \
         {took_s:.1} s"
    )?;
    writeln!(out, "registered   {} of {pbxs}", summary.registered)?;
    reasons(&summary.unregistered, out)?;
    writeln!(
        out,
        "calls        {} scheduled, {} answered, {} completed, {} failed; {} SIP messages sent again",
        summary.scheduled, summary.answered, summary.completed, summary.failed, summary.retransmissions
    )?;
    reasons(&summary.reasons, out)?;
    if let Some(taken) = summary.taken_by_carrier {
        writeln!(out, "carrier      {taken} answered, {} without ACK", summary.unacknowledged)?;
    }
    writeln!(
        out,
        "ms                 {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "p50", "p90", "p99", "p99.9", "max", "count"
    )?;
    for (key, name) in ROWS {
        if let Some(row) = summary.latencies.get(key).filter(|row| row.count > 0) {
            let Percentiles { count, p50_ms, p90_ms, p99_ms, p99_9_ms, max_ms } = row;
            writeln!(
                out,
                "  {name:<16} {p50_ms:>9.2} {p90_ms:>9.2} {p99_ms:>9.2} {p99_9_ms:>9.2} {max_ms:>9.2} {count:>9}"
            )?;
        }
    }
    summary.ticks.as_ref().map_or(Ok(()), |ticks| write_tick_row(&ticks.latency, out))?;
    summary.rtp.as_ref().map_or(Ok(()), |rtp| write_rtp(rtp, out))?;
    summary.ticks.as_ref().map_or(Ok(()), |ticks| write_ticks(ticks, out))?;
    summary.books.as_ref().map_or(Ok(()), |books| write_books(books, out))?;
    for fault in &summary.faults {
        writeln!(out, "FAIL {fault}")?;
    }
    writeln!(out, "{}", if summary.ok { "ok" } else { "not ok" })
}

fn reasons(reasons: &std::collections::BTreeMap<String, u64>, out: &mut String) -> std::fmt::Result {
    reasons.iter().try_for_each(|(reason, times)| writeln!(out, "             {times} x {reason}"))
}

fn write_rtp(rtp: &Rtp, out: &mut String) -> std::fmt::Result {
    let known = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    write!(
        out,
        "RTP          {} sent, {} heard by the carrier ({} missing), {} heard back ({} missing)",
        rtp.sent,
        known(rtp.heard_by_carrier),
        known(rtp.missing_there),
        rtp.heard,
        rtp.missing_back
    )?;
    match (rtp.lost_round_trip, rtp.lost_round_trip_percent) {
        (Some(lost), Some(percent)) => writeln!(out, "; lost on the round trip: {lost} ({percent:.3} %)")?,
        _ => writeln!(out)?,
    }
    if rtp.deaf_calls + rtp.strays + rtp.refused > 0 {
        let (deaf, strays, refused) = (rtp.deaf_calls, rtp.strays, rtp.refused);
        writeln!(
            out,
            "             {deaf} calls heard nothing, {strays} packets of other calls, {refused} streams found no room"
        )?;
    }
    Ok(())
}

/// Bounds of buckets, not values: `<=` says so, and `> all` where a tick took longer than the highest bound.
fn write_tick_row(tick: &Measured, out: &mut String) -> std::fmt::Result {
    if tick.count == 0 {
        return Ok(());
    }
    let ms = |bound: Option<f64>| bound.map_or_else(|| "> all".to_owned(), |ms| format!("<={ms}"));
    let Measured { what, p50_ms_at_most: p50, p90_ms_at_most: p90, p99_ms_at_most: p99, .. } = tick;
    let (p99_9, max) = (tick.p99_9_ms_at_most, tick.max_ms_at_most);
    writeln!(
        out,
        "  {what:<16} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        ms(*p50),
        ms(*p90),
        ms(*p99),
        ms(p99_9),
        ms(max),
        tick.count
    )
}

fn write_ticks(ticks: &Ticks, out: &mut String) -> std::fmt::Result {
    writeln!(
        out,
        "charge ticks {} batches of charges, {} ticks answered in their calls, by the switch's /metrics during the run; each",
        ticks.charged, ticks.latency.count
    )?;
    for station in &ticks.stations {
        let ms = |bound: Option<f64>| bound.map_or_else(|| "?".to_owned(), |ms| format!("<= {ms} ms"));
        let (p50, p99) = (ms(station.p50_ms_at_most), ms(station.p99_ms_at_most));
        let (what, metric, count) = (&station.what, &station.metric, station.count);
        writeln!(out, "             {what}: p50 {p50}, p99 {p99} ({metric}, {count} measured)")?;
    }
    Ok(())
}

fn write_books(books: &Books, out: &mut String) -> std::fmt::Result {
    let expected = if books.expected_min == books.expected_max {
        books.expected_min.clone()
    } else {
        format!("{} to {}", books.expected_min, books.expected_max)
    };
    writeln!(
        out,
        "books        {} records, {} answered; charged {} by the records, {} by the totals, {} by the ledger, expected {expected} USD",
        books.records, books.answered, books.charged_by_records, books.charged_by_totals, books.charged_by_ledger
    )
}
