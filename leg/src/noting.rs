//! What is noted in the call's trace where one side asks for something inside the call that is refused: what came, what of it was wrong,
//! and what would have been right.
//!
//! Refusing is done where it is decided.

use crate::capabilities::{ALLOW, SUPPORTED};
use crate::invitation::offer_in;
use crate::words::Effect;
use domain::refusal::RefusalKind;
use domain::trace::{Rule, Step, Value, Verdict};
use sip::endpoint::{ServerTransactionId, Source};
use sip::{Message, Method, Name};
use std::net::IpAddr;

/// What an INFO may carry, for people.
const OF_INFO: &str = "application/dtmf-relay or application/dtmf";

/// The note of a request that was refused with this. The dialog is with `peer`.
pub(crate) fn note(request: &Message, source: &Source, because: RefusalKind, peer: IpAddr) -> Effect {
    let method = request.method().map(Method::as_str).unwrap_or_default();
    let (what, wanted) = match because {
        RefusalKind::ForeignAddress => (String::new(), format!("from {peer}").into()),
        RefusalKind::OutOfOrder => {
            let number = request.cseq().map(|cseq| cseq.number).unwrap_or_default();
            (format!(" with CSeq {number}"), "a CSeq above the last one".into())
        }
        RefusalKind::BodyNotUnderstood => {
            let wanted = if request.method() == Some(&Method::Info) { OF_INFO } else { "application/sdp" };
            (format!(" with {}", text_of(request, Name::ContentType)), wanted.into())
        }
        RefusalKind::ExtensionUnknown => {
            let required: Vec<&str> = request.require().chain(request.proxy_require()).collect();
            (format!(" that requires {}", required.join(", ")), SUPPORTED.into())
        }
        RefusalKind::SessionIntervalTooSmall => {
            let asked = request.session_expires_s().map(|(asked, _)| asked).unwrap_or_default();
            (format!(" with Session-Expires {asked}"), "not below Min-SE".into())
        }
        RefusalKind::NoCommonCodec => (offered(request), "sound or fax that both sides and their trunks take".into()),
        RefusalKind::MethodNotAllowed | RefusalKind::MethodUnknown => (String::new(), ALLOW.into()),
        RefusalKind::RequestPending | RefusalKind::AnswerPending => (String::new(), "one change at a time".into()),
        _ => (String::new(), Value::None),
    };
    let seen = format!("{method}{what} from {}", source.peer).into();
    let (rule, verdict, refusal) = (Rule::InDialog, Verdict::Failed, Some(because));
    Effect::Note(Box::new(Step { rule, verdict, seen, wanted, refusal }))
}

/// Notes the request where it was refused among what came of it.
pub(crate) fn note_refused(
    request: (ServerTransactionId, &Message, &Source),
    peer: IpAddr,
    first: usize,
    effects: &mut Vec<Effect>,
) {
    let (asked, message, source) = request;
    let because = effects.iter().skip(first).find_map(|effect| match effect {
        Effect::Respond { transaction, reply } if *transaction == asked => reply.refusal(),
        _ => None,
    });
    effects.extend(because.map(|because| note(message, source, because, peer)));
}

/// What a description offers: `audio RTP/AVP 0 8`.
fn offered(request: &Message) -> String {
    let Ok(Some(media)) = offer_in(request) else { return " with a description that cannot be read".to_owned() };
    let line = media.streams.iter().find(|stream| stream.receives_at.is_some()).map(|stream| {
        let formats = stream.formats.iter().map(|format| match &format.rtpmap {
            Some(rtpmap) => rtpmap.clone(),
            None => format.payload_type.to_string(),
        });
        let formats: Vec<String> = formats.chain(stream.format_tokens.iter().map(|token| token.to_string())).collect();
        format!("{} {}", stream.transport, formats.join(" "))
    });
    format!(" that offers {}", line.as_deref().unwrap_or("nothing that is carried"))
}

fn text_of(request: &Message, name: Name) -> String {
    String::from_utf8_lossy(request.header(name).unwrap_or_default()).into_owned()
}
