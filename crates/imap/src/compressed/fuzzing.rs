//! For the fuzz targets alone: both directions of a compressed connection, without the connection.

use super::Streams;
use postern_app::CompressionPlace;
use std::io;
use std::sync::Arc;
use tokio::sync::Semaphore;

fn begun() -> Streams {
    let place = CompressionPlace::of(&Arc::new(Semaphore::new(1)));
    Streams::new(place.unwrap_or_else(|| unreachable!("nobody else has the only place")))
}

/// What these pieces of a client's stream say, up to so many bytes; and how it went.
pub fn inflate(pieces: &[&[u8]], most: usize) -> (Vec<u8>, io::Result<()>) {
    let (mut streams, mut said) = (begun(), Vec::new());
    for piece in pieces {
        streams.came.extend_from_slice(piece);
        loop {
            match streams.inflate(&mut said) {
                Err(error) => return (said, Err(error)),
                Ok(0) if streams.has_ended => return (said, Ok(())),
                Ok(0) if !streams.is_full => break,
                Ok(_) if said.len() >= most => return (said, Ok(())),
                Ok(_) => {}
            }
        }
    }
    (said, Ok(()))
}

/// Each write as it goes out.
pub fn deflate(writes: &[&[u8]]) -> io::Result<Vec<Vec<u8>>> {
    let mut streams = begun();
    writes.iter().map(|bytes| streams.deflate(bytes)).collect()
}
