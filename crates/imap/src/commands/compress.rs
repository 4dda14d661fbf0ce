//! COMPRESS (RFC 4978 section 3): from the line end of its OK on, both sides compress.
//!
//! TLS compresses nothing here (RFC 8446 has no such thing), so it is never active in another layer. Where it is active
//! already the RFC asks for BAD; the code says to programs that it is.

use crate::answer::{Completion, Handled};
use crate::connection::Connection;
use postern_app::wire::Wire;
use postern_imap_wire::ResponseCode;

impl<W: Wire> Connection<W> {
    /// COMPRESS
    pub(crate) fn compress(&mut self, algorithm: &str) -> Handled {
        if algorithm != "DEFLATE" {
            return Ok(Completion::bad("DEFLATE is the only way to compress"));
        }
        if self.wire.is_active() {
            return Ok(Completion::bad("DEFLATE is active already").with(ResponseCode::CompressionActive));
        }
        // Was it sent as it is, or compressed in the hope of an OK?
        if self.framer.pending_bytes() > 0 {
            return Ok(Completion::bad("Nothing is sent after COMPRESS before its answer (RFC 4978 section 3)"));
        }
        self.wire.agree(self.client.house.compression_place()?);
        Ok(Completion::ok("DEFLATE active"))
    }
}
