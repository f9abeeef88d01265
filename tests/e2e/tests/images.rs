//! The proxy's image without a container engine: its directory is made as the Dockerfile makes it, and the proxy runs with
//! nothing but that, as the image's user, on a file system that it cannot write to. As root alone; else skipped.

use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::{repository::root, site::Addresses, wait_until};
use lab::child::binary;
use lab::proxy_process::free_port;
use tempfile::TempDir;

/// Mounts the directory over itself, read-only, in a place of its own, and starts a program in it as the image's user.
const IN_THE_IMAGE: &str = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && \
    exec chroot --userspec=65532:65532 \"$0\" \"$@\"";

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn image() -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    let made = Command::new(root().join("infrastructure/images/collect.sh"))
        .arg(binary("proxy", "SWITCHYARD_PROXY")?)
        .arg(directory.path())
        .output()?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(directory)
}

fn inside(image: &Path, program: &str, arguments: &[&str], variables: &[(&str, String)]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", IN_THE_IMAGE]).arg(image).arg(program).args(arguments);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("SWITCHYARD_CONFIG", "/etc/switchyard/proxy.toml").envs(variables.iter().cloned());
    command
}

/// Killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_proxy_runs_with_what_its_image_has_and_ends_by_sigterm() -> Result<()> {
    if !is_root() {
        eprintln!("SKIPPED: only root can try an image without a container engine");
        return Ok(());
    }
    let image = image()?;
    let ip: IpAddr = Addresses::take().proxy();
    let (sip, admin) = (free_port(ip)?, free_port(ip)?);
    let variables = [
        ("SWITCHYARD_LISTENER", format!("[{{name = \"main\", bind = \"{ip}:{sip}\"}}]")),
        (
            "SWITCHYARD_TARGETS__LIST",
            "[{id = \"a\", address = \"127.0.1.1\", ports = {sip = 5060}}]".to_owned(),
        ),
        ("SWITCHYARD_ACCESS__SOURCES", "[\"127.0.0.0/8\"]".to_owned()),
        ("SWITCHYARD_ADMIN__BIND", format!("{ip}:{admin}")),
        ("SWITCHYARD_DRAIN", "0s".to_owned()),
    ];
    let run = |arguments: &[&str]| inside(image.path(), "/usr/bin/proxy", arguments, &variables);
    ensure!(!run(&["--healthy"]).status()?.success(), "nobody runs yet");
    let mut proxy = Running(run(&[]).spawn().context("unshare")?);
    // What HEALTHCHECK runs.
    wait_until("it is healthy", Duration::from_secs(20), || {
        Ok(run(&["--healthy"]).output()?.status.success())
    })?;
    let who = std::fs::metadata(format!("/proc/{}", proxy.0.id()))?.uid();
    ensure!(who == 65532, "it runs as {who}");
    // proc(5): the fifth is the mount point, the sixth its options.
    let mounts = std::fs::read_to_string(format!("/proc/{}/mountinfo", proxy.0.id()))?;
    let mut fields = mounts.lines().map(|line| line.split(' ').skip(4));
    ensure!(
        fields.any(|mut f| f.next() == Some("/") && f.next().is_some_and(|o| o.starts_with("ro"))),
        "{mounts}"
    );
    ensure!(Command::new("kill").arg(proxy.0.id().to_string()).status()?.success());
    let mut ended = None;
    wait_until("it ends", Duration::from_secs(10), || {
        ended = proxy.0.try_wait()?;
        Ok(ended.is_some())
    })?;
    ensure!(ended.and_then(|status| status.code()) == Some(0), "{ended:?}");
    Ok(())
}

#[test]
fn the_image_has_one_program_and_no_shell() -> Result<()> {
    if !is_root() {
        eprintln!("SKIPPED: collect.sh gives files to the image's user, as root");
        return Ok(());
    }
    let image = image()?;
    let programs: Vec<_> = std::fs::read_dir(image.path().join("usr/bin"))?.collect::<Result<_, _>>()?;
    ensure!(programs.len() == 1, "{programs:?}");
    ensure!(!image.path().join("bin").exists(), "a shell");
    Ok(())
}
