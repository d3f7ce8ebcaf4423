//! The laws of what can be read back: ended calls, dead calls, statements, totals, and what counts on a day.
#![allow(unreachable_pub)]

use crate::Engine;
use clerk::*;
use domain::Currency;
use domain::ProfileId;
use domain::credit::{Account, Code, Holder, Memo, Outcome, RefusedBecause, Unit};
use ledger::{LineKind, Lines, StatementQuery};

/// Field lesson 32.
pub fn an_ended_call_is_handed_on_once_and_in_order(ledger: &Engine) {
    endow(&**ledger, 10, 5);
    let (tell_us, told) = std::sync::mpsc::sync_channel(16);
    ledger.on_journalled(Box::new(move |sequence| tell_us.send(sequence).unwrap())).unwrap();
    for call in 1..=3u128 {
        let ended = Memo::CallEnded(format!("call {call}").into());
        let refused = with_memo(batch(call, 0, vec![release(call, 0)]), ended.clone());
        assert_eq!(because(&order(&**ledger, refused)), RefusedBecause::HoldNotOpen);
        let whole = vec![hold(call, 0, channels(), 1), release(call, 0)];
        let ended = with_memo(batch(call, 1, whole), ended);
        assert!(is_applied(&order(&**ledger, ended.clone())));
        assert!(matches!(order(&**ledger, ended), Outcome::Replayed(_)));
    }
    let all = ledger.ended_after(0, 10).unwrap();
    let texts: Vec<_> = all.iter().map(|(_, text)| &**text).collect();
    assert_eq!(texts, ["call 1", "call 2", "call 3"]);
    assert_eq!(ledger.ended_after(all[0].0, 1).unwrap(), [all[1].clone()]);
    assert!(ledger.ended_after(all[2].0, 10).unwrap().is_empty());
    let heard: Vec<u64> = (0..3).map(|_| told.recv_timeout(std::time::Duration::from_secs(60)).unwrap()).collect();
    assert_eq!(heard, all.iter().map(|(sequence, _)| *sequence).collect::<Vec<_>>());
}

/// Design 5, step 7 of a call's money.
pub fn a_dead_call_is_found_with_what_it_paid_and_what_it_holds(ledger: &Engine) {
    endow(&**ledger, 100, 5);
    let begin = vec![hold(7, 0, channels(), 1), hold(7, 30, profile(), 10)];
    tell(&**ledger, with_memo(batch(7, 0, begin), Memo::CallOpened("first".into())));
    let answer = vec![capture(7, 30, 10), hold(7, 36, profile(), 2), extend(7, 0, at(70))];
    tell(&**ledger, with_memo(batch(7, 1, answer), Memo::CallOpened("second".into())));
    tell(&**ledger, batch(7, 2, vec![capture(7, 36, 1), hold(7, 42, profile(), 2), extend(7, 0, at(76))]));
    tell(&**ledger, batch(8, 0, vec![hold(8, 0, channels(), 1)]));
    tell(&**ledger, batch(8, 1, vec![release(8, 0)]));
    let unfinished = ledger.unfinished().unwrap();
    assert_eq!(unfinished.len(), 1, "the other call ended");
    let call = &unfinished[0];
    assert_eq!((call.subject, call.company, call.last_sequence), (7, company(1), 2));
    assert_eq!(call.opened.as_deref(), Some("second"));
    let open: Vec<_> = call.open_holds.iter().map(|open| (open.hold.number, open.amount, open.until)).collect();
    assert_eq!(open, [(0, 1, at(76)), (42, 2, at(60))]);
    let captured: Vec<_> = call.captured().map(|(hold, amount)| (hold.number, amount)).collect();
    assert_eq!(captured, [(30, 10), (36, 1)]);
    let did: Vec<_> =
        ledger.history(7).unwrap().iter().map(|line| (line.kind, line.hold.map(|hold| hold.number))).collect();
    let number = |kind, number| (kind, Some(number));
    assert_eq!(did[..2], [number(LineKind::Hold, 0), number(LineKind::Hold, 30)]);
    assert_eq!(did[2..5], [number(LineKind::Capture, 30), number(LineKind::Hold, 36), number(LineKind::Extend, 0)]);
    assert_eq!((did.len(), ledger.history(8).unwrap().len(), ledger.history(9).unwrap().len()), (8, 2, 0));
    let closing = with_memo(batch(7, 3, vec![release(7, 42), release(7, 0)]), Memo::CallEnded("over".into()));
    assert!(is_applied(&order(&**ledger, closing)));
    assert!(ledger.unfinished().unwrap().is_empty());
    assert_eq!((ledger.balance(profile()), ledger.balance(channels())), (has(89, 0), has(5, 0)));
}

fn statement_of(account: Option<Account>, lines: Lines, limit: usize) -> StatementQuery {
    StatementQuery { company: company(1), account, lines, before: None, after: 0, limit }
}

pub fn a_statement_reads_backwards_with_the_balance_after_each_line(ledger: &Engine) {
    endow(&**ledger, 100, 1);
    let note = Memo::Note("sorry".into());
    tell(&**ledger, batch(7, 0, vec![hold(7, 30, profile(), 20)]));
    tell(&**ledger, batch(7, 1, vec![capture(7, 30, 15), hold(7, 36, profile(), 5), release(7, 36)]));
    tell(&**ledger, with_memo(batch(8, 0, vec![post(revenue(), profile(), 3, Code::Refund)]), note));
    let page = ledger.statement(&statement_of(Some(profile()), Lines::All, 100)).unwrap();
    let told: Vec<_> = page.lines.iter().map(|line| (line.kind, line.amount)).collect();
    let expected = [
        (LineKind::Post, 3),
        (LineKind::Release, 5),
        (LineKind::Hold, 5),
        (LineKind::Capture, 15),
        (LineKind::Hold, 20),
        (LineKind::Post, 100),
    ];
    assert_eq!(told, expected);
    let ours =
        |line: &ledger::StatementLine| if line.debit == profile() { Some(line.debit_after) } else { line.credit_after };
    let after: Vec<_> = page.lines.iter().map(|line| ours(line).unwrap()).collect();
    assert_eq!(after, [has(88, 0), has(85, 0), has(85, 5), has(85, 0), has(100, 20), has(100, 0)]);
    assert_eq!(page.lines[0].note.as_deref(), Some("sorry"));
    assert_eq!((page.lines[0].code, page.lines[0].at, page.next), (Code::Refund, at(1), None));
    let posted = ledger.statement(&statement_of(Some(profile()), Lines::Posted, 100)).unwrap();
    let amounts: Vec<_> = posted.lines.iter().map(|line| line.amount).collect();
    assert_eq!(amounts, [3, 15, 100]);
    let of_company = ledger.statement(&statement_of(None, Lines::All, 100)).unwrap();
    assert_eq!(of_company.lines.len(), 8, "the three of the endowment too");
}

pub fn a_statement_pages_without_losing_or_repeating_a_line(ledger: &Engine) {
    endow(&**ledger, 1_000, 1);
    for number in 1..=25u64 {
        let debit = if number % 3 == 0 { purse() } else { profile() };
        let transfers = vec![post(world(USD), debit, 1, Code::TopUp), post(debit, revenue(), 1, Code::Number)];
        tell(&**ledger, batch(7, number, transfers));
        tell(&**ledger, batch(8, number, vec![count(7, 1, 5)]));
        if number % 5 == 0 {
            // Nothing is left on the account of the day: it is forgotten, what was on it is not.
            tell(&**ledger, batch(9, number, vec![post(day(7), world(day(7).unit), 5, Code::DailyCap)]));
        }
    }
    let of_day = ledger.statement(&statement_of(Some(day(7)), Lines::All, 1_000)).unwrap();
    assert_eq!((ledger.balance(day(7)), of_day.lines.len()), (has(0, 0), 30));
    for account in [None, Some(profile()), Some(purse()), Some(revenue()), Some(day(7))] {
        let whole = ledger.statement(&statement_of(account, Lines::All, 1_000)).unwrap();
        assert_eq!(whole.next, None);
        let mut paged = Vec::new();
        let mut query = statement_of(account, Lines::All, 4);
        loop {
            let page = ledger.statement(&query).unwrap();
            paged.extend(page.lines);
            match page.next {
                Some(next) => query.before = Some(next),
                None => break,
            }
        }
        assert_eq!(paged, whole.lines);
        let newest = whole.lines[0].journal_sequence;
        let since = StatementQuery { after: newest - 1, ..statement_of(account, Lines::All, 100) };
        assert!(ledger.statement(&since).unwrap().lines.iter().all(|line| line.journal_sequence == newest));
        let odd = StatementQuery { before: Some(newest + 1_000), ..statement_of(account, Lines::All, 1_000) };
        assert_eq!(ledger.statement(&odd).unwrap().lines, whole.lines);
    }
}

pub fn totals_count_what_is_held_and_by_whom_money_is_owned(ledger: &Engine) {
    endow(&**ledger, 100, 2);
    order(&**ledger, batch(6, 0, vec![post(profile(), purse(), 40, Code::TakeBack)]));
    tell(&**ledger, batch(7, 0, vec![hold(7, 0, channels(), 1), hold(7, 30, profile(), 20)]));
    tell(&**ledger, batch(8, 0, vec![hold(8, 30, profile(), 5), capture(8, 30, 5)]));
    let totals = ledger.totals();
    let money = totals.money(Currency::USD);
    assert_eq!((money.companies, money.profiles, money.revenue, money.held), (40, 55, 5, 20));
    assert_eq!((totals.open_holds, totals.open_money_holds, totals.applied), (2, 1, 4));
    let other = account(1, Holder::Profile(ProfileId::from_bits(2)), USD);
    assert_eq!(ledger.balance(other), has(0, 0));
}

/// What counts against a cap is counted with what is held, all or nothing, and given back with it.
pub fn no_more_counts_on_a_day_than_its_cap(ledger: &Engine) {
    endow(&**ledger, 100, 1);
    let first = batch(7, 0, vec![count(9, 6, 10), hold(7, 30, profile(), 6)]);
    let outcome = tell(&**ledger, first);
    let counted = [(world(Unit::Day(9)), has(-6, 0)), (day(9), has(6, 0)), (profile(), has(100, 6))];
    assert_eq!(outcome, Outcome::Applied(counted.to_vec()));
    let beyond = batch(8, 0, vec![count(9, 5, 10), hold(8, 30, profile(), 5)]);
    assert_eq!(tell(&**ledger, beyond), refused(0, RefusedBecause::AboveLimit));
    assert_eq!(ledger.balance(profile()), has(100, 6), "nothing is held");
    let tomorrow = batch(8, 1, vec![count(10, 5, 10), hold(8, 30, profile(), 5)]);
    assert!(is_applied(&tell(&**ledger, tomorrow)));
    let given_back = batch(7, 1, vec![release(7, 30), post(day(9), world(Unit::Day(9)), 6, Code::DailyCap)]);
    assert!(is_applied(&tell(&**ledger, given_back)));
    assert!(is_applied(&tell(&**ledger, batch(9, 0, vec![count(9, 10, 10)]))));
    assert_eq!((ledger.balance(day(9)), ledger.balance(day(10))), (has(10, 0), has(5, 0)));
}

pub fn a_day_on_which_nothing_counts_is_forgotten(ledger: &Engine) {
    let is_there = |account: Account| ledger.balances(company(1)).iter().any(|(known, _)| *known == account);
    assert!(is_applied(&tell(&**ledger, batch(7, 0, vec![count(9, 6, 10), count(10, 6, 10)]))));
    let back = post(day(9), world(Unit::Day(9)), 6, Code::DailyCap);
    let outcome = tell(&**ledger, batch(7, 1, vec![back]));
    assert_eq!(outcome, Outcome::Applied(vec![(day(9), has(0, 0)), (world(Unit::Day(9)), has(0, 0))]));
    assert!(!is_there(day(9)) && !is_there(world(Unit::Day(9))));
    assert!(is_there(day(10)) && is_there(world(Unit::Day(10))));
    let late = post(day(9), world(Unit::Day(9)), 1, Code::DailyCap);
    assert!(is_applied(&tell(&**ledger, batch(7, 2, vec![late]))), "what is given back late is no debt");
}
