//! How a trunk hears keys that the other side presses: in its sound (RFC 4733) or by INFO.
//!
//! How they stand there is `media`'s and `leg`'s.

crate::policy::policy! {
    /// How keys reach a side.
    DtmfPolicy, "keys" {
        /// In its sound where its description has `telephone-event`; otherwise by INFO, where its Allow has that.
        #[default]
        Auto = "auto",
        /// In its sound, or not at all.
        Rfc4733 = "rfc4733",
        /// By INFO where its Allow has that, whatever its description has; otherwise in its sound.
        Info = "info",
    }
}
