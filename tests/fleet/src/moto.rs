//! moto (PyPI, `moto[server]`): somebody else's idea of ECS and S3.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::proxy_process::free_port;

use crate::wait_until;

/// A running moto. Killed when dropped.
pub struct Moto {
    process: Child,
    python: PathBuf,
    url: String,
}

impl Moto {
    /// Starts it, with an ECS service and a bucket; `None` if it is not installed.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub fn start() -> Result<Option<Self>> {
        let Some(program) = lab::python::program("moto_server") else {
            return Ok(None);
        };
        let ip = [127, 0, 0, 1].into();
        let port = free_port(ip)?;
        let process = Command::new(&program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| program.display().to_string())?;
        let python = program.with_file_name("python3");
        let moto = Moto { process, python, url: format!("http://127.0.0.1:{port}") };
        wait_until("moto listens", Duration::from_secs(30), || {
            Ok(std::net::TcpStream::connect((ip, port)).is_ok())
        })?;
        moto.service(&["prepare"])?;
        Ok(Some(moto))
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Does something to the service: `moto/service.py`. Returns the ids of the tasks that run.
    ///
    /// # Errors
    ///
    /// moto refuses.
    pub fn service(&self, arguments: &[&str]) -> Result<Vec<String>> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("moto/service.py");
        let output = Command::new(&self.python).arg(script).arg(&self.url).args(arguments).output()?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let mut ids: Vec<_> = String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect();
        ids.sort();
        Ok(ids)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
