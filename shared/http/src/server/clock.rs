//! The clock of a request's head, and of an answer that nobody reads.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// What a connection is doing, as far as its socket does not know.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// Requests whose head was read.
    requests: AtomicU64,
    answering: AtomicBool,
    /// A byte was received.
    touched: AtomicBool,
}

impl Activity {
    pub(super) fn begin(&self) {
        self.answering.store(true, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.answering.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_untouched(&self) -> bool {
        !self.touched.load(Ordering::Relaxed)
    }
}

/// A socket that gives up on a head that comes too slowly and on a reader that stands still.
#[derive(Debug)]
pub(super) struct Clocked {
    stream: TcpStream,
    activity: Arc<Activity>,
    head_patience: Duration,
    write_patience: Duration,
    /// The number of requests at the time a part of the next head was read.
    part_of: Option<u64>,
    head_clock: Option<Pin<Box<Sleep>>>,
    write_clock: Option<Pin<Box<Sleep>>>,
}

impl Clocked {
    pub(super) fn new(
        stream: TcpStream,
        activity: Arc<Activity>,
        head_patience: Duration,
        write_patience: Duration,
    ) -> Self {
        Self {
            stream,
            activity,
            head_patience,
            write_patience,
            part_of: None,
            head_clock: None,
            write_clock: None,
        }
    }

    /// Whether a head is half read. Most heads come in one piece, and no clock is ever started.
    fn is_within_head(&self) -> bool {
        !self.activity.answering.load(Ordering::Relaxed)
            && self.part_of == Some(self.activity.requests.load(Ordering::Relaxed))
    }
}

/// Polls the clock, which is started if it is not running.
fn is_up(
    clock: &mut Option<Pin<Box<Sleep>>>,
    patience: Duration,
    context: &mut Context<'_>,
) -> bool {
    clock
        .get_or_insert_with(|| Box::pin(sleep(patience)))
        .as_mut()
        .poll(context)
        .is_ready()
}

impl AsyncRead for Clocked {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if !self.is_within_head() {
            self.head_clock = None;
        }
        match Pin::new(&mut self.stream).poll_read(context, buffer) {
            Poll::Pending if self.is_within_head() => {
                let patience = self.head_patience;
                if is_up(&mut self.head_clock, patience, context) {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(read) => {
                if buffer.filled().len() > before {
                    self.activity.touched.store(true, Ordering::Relaxed);
                    if !self.activity.answering.load(Ordering::Relaxed) {
                        self.part_of = Some(self.activity.requests.load(Ordering::Relaxed));
                    }
                }
                Poll::Ready(read)
            }
        }
    }
}

impl AsyncWrite for Clocked {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge_write(written, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.judge_write(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl Clocked {
    fn judge_write(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            let patience = self.write_patience;
            if is_up(&mut self.write_clock, patience, context) {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        let written = ready!(written);
        self.write_clock = None;
        Poll::Ready(written)
    }
}
