//! Bytes in and out: UDP in batches, TCP in whole messages. What they mean is not known here.

pub(crate) mod tcp;
pub(crate) mod udp;
