//! Which errors a route can answer, for the OpenAPI document: one list for each manner of request.
//!
//! The errors themselves are `backoffice::problem`'s.

use backoffice::problem::{Problem, ProblemKind};
use std::collections::BTreeMap;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{IntoResponses, ToSchema};

use ProblemKind::{
    BelowRecommended, BodyTooLarge, Busy, CallEnded, CompanyNotVerified, Conflict, DeckFaulty, InUse,
    InsufficientCredit, Internal, Invalid, KeyInvalid, KeyRequired, KeyReused, LedgerUnavailable, MalformedJson,
    MalformedRequest, NoPaymentProvider, NoRate, NotFound, NotInForce, NoticeRefused, NoticeReplayed, OperatorOnly,
    TooManyStreams, Unauthenticated, UnsupportedMediaType,
};

/// What any request with a token can be answered.
const ALWAYS: &[ProblemKind] =
    &[Unauthenticated, OperatorOnly, CompanyNotVerified, NotFound, Invalid, Internal, Busy, LedgerUnavailable];
/// What any request with a body can be answered besides.
const BODY: &[ProblemKind] = &[MalformedJson, MalformedRequest, BodyTooLarge, UnsupportedMediaType];
/// What any change of the configuration can be answered besides.
const CHANGE: &[ProblemKind] = &[Conflict, InUse, NotInForce];
/// What any request that moves money can be answered besides.
const MONEY: &[ProblemKind] = &[KeyRequired, KeyInvalid, KeyReused, InsufficientCredit];

/// What anything about payments can be answered besides.
const PAYMENT: &[ProblemKind] = &[Conflict, NoPaymentProvider];

/// One answer for each status, its description naming every code.
fn responses(lists: &[&[ProblemKind]]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status = BTreeMap::<u16, Vec<&str>>::new();
    for kind in lists.iter().copied().flatten() {
        by_status.entry(kind.status()).or_default().push(kind.as_str());
    }
    let answer = |codes: Vec<&str>| {
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(Problem::name()))).build();
        let description = format!("One of the codes: {}", codes.join(", "));
        ResponseBuilder::new().description(description).content(crate::failure::PROBLEM_JSON, content).build()
    };
    by_status.into_iter().map(|(status, codes)| (status.to_string(), RefOr::T(answer(codes)))).collect()
}

macro_rules! manners {
    ($($(#[$doc:meta])* $name:ident, $lists:expr;)*) => {
        $(
            $(#[$doc])*
            pub(super) struct $name;

            impl IntoResponses for $name {
                fn responses() -> BTreeMap<String, RefOr<Response>> {
                    responses($lists)
                }
            }
        )*
    };
}

manners! {
    /// A question.
    Read, &[ALWAYS];
    /// A question with a body.
    Ask, &[ALWAYS, BODY];
    /// A question for a price.
    ReadRate, &[ALWAYS, &[NoRate]];
    /// A change without a body.
    Change, &[ALWAYS, CHANGE];
    /// A change with a body.
    ChangeByBody, &[ALWAYS, BODY, CHANGE];
    /// A change that may have to be acknowledged.
    ChangeAcknowledged, &[ALWAYS, BODY, CHANGE, &[BelowRecommended]];
    /// A deck.
    Import, &[ALWAYS, BODY, CHANGE, &[DeckFaulty]];
    /// A payment that is ordered.
    Pay, &[ALWAYS, BODY, MONEY, PAYMENT];
    /// A payment that is known.
    ChangePayment, &[ALWAYS, PAYMENT];
    /// The end of a payment that nobody can be asked about.
    ClosedPayment, &[ALWAYS, BODY, &[Conflict, LedgerUnavailable]];
    /// A change of how payments are made.
    ChangeRecharge, &[ALWAYS, BODY, CHANGE, PAYMENT];
    /// A notice of the payment provider.
    Notice, &[BODY, PAYMENT, &[NotFound, Invalid, NoticeRefused, NoticeReplayed, Internal, Busy, LedgerUnavailable]];
    /// Money.
    Move, &[ALWAYS, BODY, MONEY];
    /// Ending a call.
    End, &[ALWAYS, &[CallEnded]];
    /// A stream of events.
    Listen, &[ALWAYS, &[CallEnded, TooManyStreams]];
    /// A question without a token.
    Public, &[&[NotFound, Internal]];
}
