//! Limits of the house, in one place. Each says its unit and what it guards.

/// Every limit with its default. Configuration may change them; code never invents one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest message, in bytes (APPEND, DATA; RFC 1870, RFC 7889).
    pub message_bytes: u64,
    /// Longest command line before sign-in, in bytes, literals included.
    pub line_bytes_before_sign_in: usize,
    /// Longest command line after sign-in, in bytes, small literals included.
    pub line_bytes: usize,
    /// Sign-in attempts on one connection before it is closed.
    pub sign_in_attempts: u32,
    /// Seconds a connection may take to sign in.
    pub sign_in_seconds: u64,
    /// Seconds without a command before an open session ends (RFC 9051 section 5.4: 30 minutes).
    pub idle_seconds: u64,
    /// Bad commands in a row before a session ends.
    pub bad_commands: u32,
    /// Connections that have not signed in, from one address.
    pub unauthenticated_per_address: u32,
    /// When a failed sign-in is answered, in milliseconds after it was asked.
    pub failure_deadline_ms: u64,
    /// Depth of MIME nesting that is parsed; deeper parts are opaque.
    pub mime_depth: usize,
    /// Parts of a message that are parsed; further parts are opaque.
    pub mime_parts: usize,
    /// Header fields of a message that are parsed.
    pub header_fields: usize,
    /// Received fields before a message is taken for a loop (RFC 5321 section 6.3).
    pub received_fields: usize,
    /// Recipients of one transaction (RFC 5321 section 4.5.3.1.8 asks for 100 or more).
    pub recipients: usize,
    /// Recipients of one message that is submitted.
    pub submission_recipients: usize,
    /// Days before a message that can not be delivered is returned (RFC 5321 section 4.5.4.1 asks for
    /// 4 to 5).
    pub queue_days: u32,
    /// Hours before the sender of a message that waits is told of the delay.
    pub queue_delay_hours: u32,
    /// Messages of other servers that are taken from one network in a minute.
    pub smtp_messages_per_minute: u32,
    /// Bytes of one reply chunk: the most that leaves after a right was taken back.
    pub chunk_bytes: usize,
    /// Milliseconds of one read transaction: what takes longer goes on in the next, so that others
    /// come to their turn.
    pub read_ms: u64,
    /// Connections that compress at once (RFC 4978), each with 52 KiB of memory; with 0 it is not offered.
    pub compressed_connections: u32,
    /// Mailboxes that one connection may watch by NOTIFY (RFC 5465), each with about 200 bytes of memory.
    pub notify_mailboxes: usize,
    /// Mailboxes in one account.
    pub mailboxes_per_account: u64,
    /// Bodies above this size, after compression and in bytes, are files of their own.
    pub inline_body_bytes: usize,
    /// Bytes of messages in parsing at once, over all connections.
    pub parsing_bytes: usize,
    /// Messages up to which a mailbox is read whole when it is selected; a larger one is when that is needed.
    pub listed_messages: u64,
    /// Bytes of snapshots of mailboxes, 16 a message, that are kept for whoever opens them next. What
    /// sessions have open is theirs as well, though it is let go here.
    pub snapshot_bytes: usize,
    /// Bytes that are kept free where the data folder is: with less no new mail is taken. 0 for none.
    pub disk_reserve_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 50 << 20,
            line_bytes_before_sign_in: 8 << 10,
            line_bytes: 64 << 10,
            sign_in_attempts: 3,
            sign_in_seconds: 60,
            idle_seconds: 30 * 60,
            bad_commands: 20,
            unauthenticated_per_address: 50,
            failure_deadline_ms: 2000,
            mime_depth: 64,
            mime_parts: 1000,
            header_fields: 10_000,
            received_fields: 50,
            recipients: 1000,
            submission_recipients: 500,
            queue_days: 5,
            queue_delay_hours: 4,
            smtp_messages_per_minute: 300,
            chunk_bytes: 256 << 10,
            read_ms: 20,
            compressed_connections: 500,
            notify_mailboxes: 5000,
            mailboxes_per_account: 10_000,
            inline_body_bytes: 128 << 10,
            parsing_bytes: 256 << 20,
            listed_messages: 4096,
            snapshot_bytes: 256 << 20,
            disk_reserve_bytes: 64 << 20,
        }
    }
}
