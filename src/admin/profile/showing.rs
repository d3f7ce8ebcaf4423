//! `tandem profile show`: a profile in a few lines.
//!
//! What the fields mean is in the API's description.

use crate::admin::show::text;
use serde_json::Value;

/// A profile as a person reads it: what it is, what it has, and whether it may call.
pub(super) fn shown(profile: &Value) -> Vec<String> {
    let of = |path: &str| profile.pointer(path).filter(|value| !value.is_null()).map(|_| text(profile, path));
    let currency = text(profile, "/credit/currency");
    let mut lines = vec![
        format!("\"{}\" is {}: {}", text(profile, "/name"), text(profile, "/state"), text(profile, "/id")),
        format!("  SIP user      {}", text(profile, "/credentials/sip_user")),
        format!("  registration  {}", text(profile, "/credentials/registration/state")),
        format!(
            "  channels      {}, {} in use",
            text(profile, "/channels/subscribed"),
            text(profile, "/channels/in_use")
        ),
        format!(
            "  credit        {} {currency}, {} held",
            text(profile, "/credit/available"),
            text(profile, "/credit/held")
        ),
    ];
    lines.extend(of("/fraud/daily_cap/amount").map(|most| {
        let (counted, action) = (text(profile, "/fraud/counted_today"), text(profile, "/fraud/daily_cap/action"));
        format!("  daily cap     {most} {currency}: {action}; {counted} spent or held today")
    }));
    lines.extend(of("/fraud/suspension/because").map(|because| {
        let (at, rule) = (text(profile, "/fraud/suspension/at"), text(profile, "/fraud/suspension/rule"));
        format!("  stopped       {at} by {rule}: {because}; `tandem profile release` ends that")
    }));
    lines.extend(of("/warnings/0").map(|_| format!("  warnings      {}", text(profile, "/warnings"))));
    lines
}
