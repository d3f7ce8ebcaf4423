//! A row of the journal: one batch with everything that follows from it, so that a statement, a replay and a verification need
//! no other row. How rows are stored is in [`super::journal`].
//!
//! Format 1, in this order (integers as in [`super::bytes`]):
//! `1`, company (16 bytes), instant (signed microseconds), the company's row before this one, the accounts (count, each as
//! `put_account`), the touched ones (count; index, posted, held, that account's row before this one), the transfers (count; kind,
//! code, fields), the refusal (`0`, or `1` + reason, transfer, and for too little money the account's index and what it had).
//! Format 2 is the same for a node that shares its accounts with others: the balances of the touched ones are totals, as they were
//! answered, and do not follow from this journal alone.
//! Transfers on a hold of an applied batch also carry the hold's accounts, amount: what they did cannot be guessed from the name.

use super::bytes::{Garbled, Reader, code_byte, put_account, put_id, put_signed, put_unsigned};
use domain::credit::{Account, Balance, Batch, BatchRefusal, HoldId, Kind, Outcome, RefusedBecause, Transfer};
use domain::{CompanyId, Wall};

/// The first byte of a row that was decided here.
const FORMAT: u8 = 1;
/// The first byte of a row that was decided elsewhere, for several nodes: its balances are the totals of all of them.
const FORMAT_OF_PART: u8 = 2;

/// An account that a batch touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Touched {
    pub(super) account: Account,
    pub(super) after: Balance,
    /// The journal sequence number of the row that touched it before; 0 for none.
    pub(super) before: u64,
}

/// The hold that a transfer ended or extended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OnHold {
    pub(super) debit: Account,
    pub(super) credit: Account,
    pub(super) amount: i64,
}

/// A row, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) company: CompanyId,
    pub(super) at: Wall,
    /// The company's row before this one; 0 for none.
    pub(super) before: u64,
    /// Whether its balances are the totals of several nodes.
    pub(super) is_part: bool,
    pub(super) touched: Vec<Touched>,
    pub(super) transfers: Vec<(Transfer, Option<OnHold>)>,
    pub(super) refusal: Option<BatchRefusal>,
}

impl Row {
    /// The outcome that the batch had.
    pub(super) fn outcome(&self) -> Outcome {
        match self.refusal {
            Some(refusal) => Outcome::Refused(refusal),
            None => Outcome::Applied(self.touched.iter().map(|touched| (touched.account, touched.after)).collect()),
        }
    }

    /// Whether a batch with this row's id is this row's batch (field lesson 3).
    pub(super) fn is_body_of(&self, batch: &Batch) -> bool {
        self.company == batch.company
            && self.transfers.len() == batch.transfers.len()
            && self.transfers.iter().zip(&batch.transfers).all(|((ours, _), theirs)| ours == theirs)
    }
}

/// Writes rows, and keeps the room that it wrote the last one in.
#[derive(Default)]
pub(super) struct Scribe {
    bytes: Vec<u8>,
    /// The transfers and the refusal, which name the accounts that come before them.
    tail: Vec<u8>,
    accounts: Accounts,
}

impl Scribe {
    /// Writes a row.
    pub(super) fn write(
        &mut self,
        batch: &Batch,
        before: u64,
        touched: &[Touched],
        on_holds: &[Option<OnHold>],
        refusal: Option<BatchRefusal>,
        is_part: bool,
    ) -> &[u8] {
        let Scribe { bytes, tail, accounts } = self;
        accounts.0.clear();
        accounts.0.extend(touched.iter().map(|touched| touched.account));
        tail.clear();
        put_unsigned(tail, batch.transfers.len() as u64);
        for (index, transfer) in batch.transfers.iter().enumerate() {
            let on_hold = on_holds.get(index).copied().flatten();
            put_transfer(tail, accounts, batch.id.subject, transfer, on_hold);
        }
        put_refusal(tail, accounts, refusal);

        bytes.clear();
        bytes.push(if is_part { FORMAT_OF_PART } else { FORMAT });
        put_id(bytes, batch.company.bits());
        put_signed(bytes, batch.at.as_unix_micros());
        put_unsigned(bytes, before);
        put_unsigned(bytes, accounts.0.len() as u64);
        accounts.0.iter().for_each(|account| put_account(bytes, account));
        put_unsigned(bytes, touched.len() as u64);
        for (index, touched) in touched.iter().enumerate() {
            put_unsigned(bytes, index as u64);
            put_signed(bytes, touched.after.posted);
            put_signed(bytes, touched.after.held);
            put_unsigned(bytes, touched.before);
        }
        bytes.extend_from_slice(tail);
        bytes
    }
}

/// The accounts of a row, each once.
#[derive(Default)]
struct Accounts(Vec<Account>);

impl Accounts {
    fn put(&mut self, bytes: &mut Vec<u8>, account: Account) {
        let index = self.0.iter().position(|known| *known == account).unwrap_or_else(|| {
            self.0.push(account);
            self.0.len() - 1
        });
        put_unsigned(bytes, index as u64);
    }
}

fn put_hold(bytes: &mut Vec<u8>, subject: u128, hold: HoldId) {
    if hold.subject == subject {
        bytes.push(0);
    } else {
        bytes.push(1);
        put_id(bytes, hold.subject);
    }
    put_unsigned(bytes, u64::from(hold.number));
}

fn put_transfer(
    bytes: &mut Vec<u8>,
    accounts: &mut Accounts,
    subject: u128,
    transfer: &Transfer,
    on_hold: Option<OnHold>,
) {
    let tag = match transfer.kind {
        Kind::Post { .. } => 0,
        Kind::PostIfAvailableAtMost { .. } => 1,
        Kind::Hold { .. } => 2,
        Kind::Capture { .. } => 3,
        Kind::Release { .. } => 4,
        Kind::Extend { .. } => 5,
    };
    bytes.push(tag | if on_hold.is_some() { 0x80 } else { 0 });
    bytes.push(code_byte(transfer.code));
    match transfer.kind {
        Kind::Post { debit, credit, amount } => {
            accounts.put(bytes, debit);
            accounts.put(bytes, credit);
            put_signed(bytes, amount);
        }
        Kind::PostIfAvailableAtMost { debit, credit, amount, watched, limit } => {
            accounts.put(bytes, debit);
            accounts.put(bytes, credit);
            put_signed(bytes, amount);
            accounts.put(bytes, watched);
            put_signed(bytes, limit);
        }
        Kind::Hold { hold, debit, credit, amount, until } => {
            put_hold(bytes, subject, hold);
            accounts.put(bytes, debit);
            accounts.put(bytes, credit);
            put_signed(bytes, amount);
            put_signed(bytes, until.as_unix_micros());
        }
        Kind::Capture { hold, amount } => {
            put_hold(bytes, subject, hold);
            put_signed(bytes, amount);
        }
        Kind::Release { hold } => put_hold(bytes, subject, hold),
        Kind::Extend { hold, until } => {
            put_hold(bytes, subject, hold);
            put_signed(bytes, until.as_unix_micros());
        }
    }
    if let Some(on_hold) = on_hold {
        accounts.put(bytes, on_hold.debit);
        accounts.put(bytes, on_hold.credit);
        put_signed(bytes, on_hold.amount);
    }
}

fn put_refusal(bytes: &mut Vec<u8>, accounts: &mut Accounts, refusal: Option<BatchRefusal>) {
    let Some(BatchRefusal { transfer, because }) = refusal else {
        bytes.push(0);
        return;
    };
    bytes.push(1 + because_byte(because));
    put_unsigned(bytes, transfer as u64);
    if let RefusedBecause::InsufficientFunds { account, available } = because {
        accounts.put(bytes, account);
        put_signed(bytes, available);
    }
}

/// The byte of a reason; never changed, only added to.
const fn because_byte(because: RefusedBecause) -> u8 {
    match because {
        RefusedBecause::DifferentBody => 0,
        RefusedBecause::TooLarge => 1,
        RefusedBecause::ForeignAccount => 2,
        RefusedBecause::MismatchedAccounts => 3,
        RefusedBecause::NegativeAmount => 4,
        RefusedBecause::HoldExists => 5,
        RefusedBecause::HoldNotOpen => 6,
        RefusedBecause::CaptureExceedsHold => 7,
        RefusedBecause::Overflow => 8,
        RefusedBecause::AboveLimit => 9,
        RefusedBecause::InsufficientFunds { .. } => 10,
    }
}

/// Reads a row; `subject` is its batch's.
pub(super) fn decode(bytes: &[u8], subject: u128) -> Result<Row, Garbled> {
    let mut reader = Reader(bytes);
    let is_part = match reader.byte()? {
        FORMAT => false,
        FORMAT_OF_PART => true,
        _ => return Err(Garbled("its format is unknown")),
    };
    let company = CompanyId::from_bits(reader.id()?);
    let at = Wall::from_unix_micros(reader.signed()?);
    let before = reader.unsigned()?;
    let accounts = (0..reader.count()?).map(|_| reader.account(company)).collect::<Result<Vec<_>, _>>()?;
    let mut touched = Vec::new();
    for _ in 0..reader.count()? {
        let account = account_at(&mut reader, &accounts)?;
        let after = Balance { posted: reader.signed()?, held: reader.signed()? };
        touched.push(Touched { account, after, before: reader.unsigned()? });
    }
    let transfers =
        (0..reader.count()?).map(|_| transfer_from(&mut reader, &accounts, subject)).collect::<Result<Vec<_>, _>>()?;
    let refusal = refusal_from(&mut reader, &accounts)?;
    reader.end()?;
    Ok(Row { company, at, before, is_part, touched, transfers, refusal })
}

fn account_at(reader: &mut Reader<'_>, accounts: &[Account]) -> Result<Account, Garbled> {
    let index = usize::try_from(reader.unsigned()?).unwrap_or(usize::MAX);
    accounts.get(index).copied().ok_or(Garbled("an account that it does not list"))
}

fn hold_from(reader: &mut Reader<'_>, subject: u128) -> Result<HoldId, Garbled> {
    let subject = match reader.byte()? {
        0 => subject,
        1 => reader.id()?,
        _ => return Err(Garbled("an unknown form of a hold's name")),
    };
    let number = u32::try_from(reader.unsigned()?).map_err(|_| Garbled("a hold's number is too large"))?;
    Ok(HoldId { subject, number })
}

fn transfer_from(
    reader: &mut Reader<'_>,
    accounts: &[Account],
    subject: u128,
) -> Result<(Transfer, Option<OnHold>), Garbled> {
    let tag = reader.byte()?;
    let code = reader.code()?;
    let kind = match tag & 0x7f {
        0 => Kind::Post {
            debit: account_at(reader, accounts)?,
            credit: account_at(reader, accounts)?,
            amount: reader.signed()?,
        },
        1 => Kind::PostIfAvailableAtMost {
            debit: account_at(reader, accounts)?,
            credit: account_at(reader, accounts)?,
            amount: reader.signed()?,
            watched: account_at(reader, accounts)?,
            limit: reader.signed()?,
        },
        2 => Kind::Hold {
            hold: hold_from(reader, subject)?,
            debit: account_at(reader, accounts)?,
            credit: account_at(reader, accounts)?,
            amount: reader.signed()?,
            until: Wall::from_unix_micros(reader.signed()?),
        },
        3 => Kind::Capture { hold: hold_from(reader, subject)?, amount: reader.signed()? },
        4 => Kind::Release { hold: hold_from(reader, subject)? },
        5 => Kind::Extend { hold: hold_from(reader, subject)?, until: Wall::from_unix_micros(reader.signed()?) },
        _ => return Err(Garbled("an unknown kind of transfer")),
    };
    let on_hold = match tag & 0x80 {
        0 => None,
        _ => Some(OnHold {
            debit: account_at(reader, accounts)?,
            credit: account_at(reader, accounts)?,
            amount: reader.signed()?,
        }),
    };
    Ok((Transfer { kind, code }, on_hold))
}

fn refusal_from(reader: &mut Reader<'_>, accounts: &[Account]) -> Result<Option<BatchRefusal>, Garbled> {
    let tag = reader.byte()?;
    if tag == 0 {
        return Ok(None);
    }
    let transfer = usize::try_from(reader.unsigned()?).map_err(|_| Garbled("a transfer's index is too large"))?;
    let because = match tag - 1 {
        0 => RefusedBecause::DifferentBody,
        1 => RefusedBecause::TooLarge,
        2 => RefusedBecause::ForeignAccount,
        3 => RefusedBecause::MismatchedAccounts,
        4 => RefusedBecause::NegativeAmount,
        5 => RefusedBecause::HoldExists,
        6 => RefusedBecause::HoldNotOpen,
        7 => RefusedBecause::CaptureExceedsHold,
        8 => RefusedBecause::Overflow,
        9 => RefusedBecause::AboveLimit,
        10 => RefusedBecause::InsufficientFunds { account: account_at(reader, accounts)?, available: reader.signed()? },
        _ => return Err(Garbled("an unknown reason of refusal")),
    };
    Ok(Some(BatchRefusal { transfer, because }))
}
