//! Child processes that never stay behind.

use std::{
    env,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use contacts_tests::process::{Process, Server, Signal};
use rustix::process::{Pid, test_kill_process};
use tokio::time::timeout;

fn sleeper() -> Process {
    let script = "trap 'echo stopping; exit 7' TERM; echo started; while :; do sleep 0.01; done";
    let path = [("PATH".to_owned(), "/usr/bin:/bin".to_owned())];
    Process::start(Path::new("/bin/sh"), &["-c", script], &path).expect("there is a shell")
}

#[tokio::test]
async fn a_process_is_asked_to_stop_and_its_output_is_kept() {
    let mut process = sleeper();
    process
        .output()
        .wait_for(|line| line.text == "started")
        .await
        .unwrap();
    let status = process.terminate(Duration::from_secs(30)).await.unwrap();
    assert_eq!(status.code(), Some(7));
    process
        .output()
        .wait_for(|line| line.text == "stopping")
        .await
        .unwrap();
    process.signal(Signal::KILL);
}

#[tokio::test]
async fn a_server_that_ends_at_once_is_reported_at_once() {
    let error = Server::start(Path::new("/bin/false"), &[])
        .await
        .unwrap_err();
    assert!(error.to_string().contains("not healthy"), "{error}");
}

#[tokio::test]
async fn a_process_dies_with_the_process_that_started_it() {
    let mut holder = Command::new(env::current_exe().unwrap())
        .args(["--exact", "processes::holder", "--ignored", "--nocapture"])
        .env("CONTACTS_TESTS_HOLD", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = std::io::BufReader::new(holder.stdout.take().unwrap());
    let pid = std::io::BufRead::lines(stdout).find_map(|line| {
        line.unwrap()
            .split("holding ")
            .nth(1)
            .and_then(|pid| pid.trim().parse().ok())
    });
    let pid = Pid::from_raw(pid.unwrap()).unwrap();
    assert!(test_kill_process(pid).is_ok());
    holder.kill().unwrap();
    holder.wait().unwrap();
    let gone = async {
        while test_kill_process(pid).is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(30), gone).await.unwrap();
}

#[tokio::test]
#[ignore = "started and killed by the test above"]
async fn holder() {
    if env::var_os("CONTACTS_TESTS_HOLD").is_none() {
        return;
    }
    let process = sleeper();
    std::io::stdout()
        .write_all(format!("holding {}\n", process.pid()).as_bytes())
        .unwrap();
    std::future::pending::<()>().await;
}
