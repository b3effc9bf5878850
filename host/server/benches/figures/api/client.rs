//! Whoever asks: connections that stay open, each with requests that are due by the clock.
//!
//! Written by hand, since a client that does more would take the cores from the server it measures.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::future::try_join_all;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep_until},
};

use crate::timing::Timings;

/// Enough that one slow answer delays no request behind it for long.
const N_CONNECTIONS: u32 = 64;
/// A request that could not leave for so long never does, and counts as an error: a server that is
/// swamped would otherwise be measured for ever.
const GIVE_UP: Duration = Duration::from_secs(5);
const BUFFER_BYTES: usize = 64 * 1024;

/// Requests at a fixed rate.
pub(super) struct Load {
    pub(super) authority: String,
    /// Asked for in turn.
    pub(super) paths: Vec<String>,
    pub(super) per_second: u32,
    pub(super) lasts: Duration,
}

/// What came of them.
pub(super) struct Answers {
    timings: Timings,
    n_errors: usize,
    seconds: f64,
}

impl Load {
    pub(super) async fn run(&self) -> Result<Answers> {
        let begun = Instant::now() + Duration::from_millis(50);
        let lanes = (0..N_CONNECTIONS).map(|lane| self.lane(lane, begun));
        let lanes = try_join_all(lanes).await?;
        let seconds = begun.elapsed().as_secs_f64();
        let n_errors = lanes.iter().map(|(_, n_errors)| n_errors).sum();
        let timings = lanes.into_iter().flat_map(|(timings, _)| timings);
        Ok(Answers {
            timings: Timings::of(timings.collect()),
            n_errors,
            seconds,
        })
    }

    /// Every `N_CONNECTIONS`th request.
    async fn lane(&self, lane: u32, begun: Instant) -> Result<(Vec<Duration>, usize)> {
        let mut connection = Connection::open(&self.authority).await?;
        let n_requests = self.per_second * u32::try_from(self.lasts.as_secs())?;
        let (mut timings, mut n_errors) = (Vec::new(), 0);
        for request in (lane..n_requests).step_by(N_CONNECTIONS as usize) {
            let due = begun + Duration::from_secs(1) * request / self.per_second;
            sleep_until(due).await;
            if due.elapsed() > GIVE_UP {
                n_errors += 1;
                continue;
            }
            let path = &self.paths[request as usize % self.paths.len()];
            match connection.get(&self.authority, path).await {
                Ok(200) => timings.push(due.elapsed()),
                Ok(_) => n_errors += 1,
                Err(_) => {
                    n_errors += 1;
                    connection = Connection::open(&self.authority).await?;
                }
            }
        }
        Ok((timings, n_errors))
    }
}

impl Answers {
    pub(super) fn summary(&self) -> String {
        let n_answers = self.timings.len();
        if n_answers == 0 {
            return format!("no answer · {} errors", self.n_errors);
        }
        let at = |share| self.timings.quantile(share).as_secs_f64() * 1e3;
        format!(
            "{:.0} a second · p50 {:.2} · p99 {:.2} · p99.9 {:.2} ms · {} errors",
            n_answers as f64 / self.seconds,
            at(0.5),
            at(0.99),
            at(0.999),
            self.n_errors
        )
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(authority: &str) -> Result<Self> {
        let stream = TcpStream::connect(authority).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: vec![0; BUFFER_BYTES],
        })
    }

    /// The status, once the whole body is here.
    async fn get(&mut self, authority: &str, path: &str) -> Result<u16> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await?;
        let mut n_read = 0;
        let (status, n_bytes) = loop {
            let n = self.stream.read(&mut self.buffer[n_read..]).await?;
            if n == 0 {
                bail!("the server hung up");
            }
            n_read += n;
            if let Some(head) = head(&self.buffer[..n_read])? {
                break head;
            }
        };
        while n_read < n_bytes {
            let n = self.stream.read(&mut self.buffer).await?;
            if n == 0 {
                bail!("the server hung up");
            }
            n_read += n;
        }
        Ok(status)
    }
}

/// The status, and the bytes of the whole answer; none while its head is not here.
fn head(bytes: &[u8]) -> Result<Option<(u16, usize)>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end])?;
    let status = text.split(' ').nth(1).context("no status")?.parse()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>())
    });
    let length = length.context("an answer without its length")??;
    Ok(Some((status, end + 4 + length)))
}
