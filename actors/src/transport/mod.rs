//! Bytes in and out: UDP in batches, TCP in whole messages. What they mean is not known here.

pub mod tcp;
pub mod udp;
