//! A network of its own for a program that must not be reached, or listens where it should not: only
//! Unix sockets lead out of it and into it.

use std::{path::PathBuf, process::Command};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, UnixStream},
    task::JoinSet,
};

/// Root needs no user namespace, and may not be allowed one. The process namespace is there for its end:
/// when the program ends, the kernel ends all that it has started.
const NAMESPACE: &str = r#"
    [ "$(id -u)" = 0 ] || as_root=--map-root-user
    exec unshare $as_root --net --pid --fork --kill-child \
        sh -c 'ip link set lo up && exec "$@"' sh "$@" 2>&1
"#;

/// The command that runs a program in a network with nothing but a loopback interface.
pub(crate) fn isolated(program: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", NAMESPACE, "sh", program]);
    command
}

/// Passes connections to a loopback port on to the socket, until it is dropped.
pub(crate) async fn lead_in(listener: TcpListener, socket: PathBuf) {
    let mut connections = JoinSet::new();
    while let Ok((mut here, _)) = listener.accept().await {
        let socket = socket.clone();
        connections.spawn(async move {
            let _ = here.set_nodelay(true);
            // A broken connection is the client's to notice.
            if let Ok(mut there) = UnixStream::connect(socket).await {
                let _ = copy_bidirectional(&mut here, &mut there).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
