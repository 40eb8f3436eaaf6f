//! Which process executes a run, in a form that tells later whether it still lives: the machine's boot and its space of
//! process numbers (a container has one of its own), the process and when that started, since the numbers come around
//! again.

use std::fs;

/// This process.
pub(crate) fn current() -> String {
    let pid = std::process::id();
    format!("{}/{pid}/{}", boot(), started(pid).unwrap_or_default())
}

/// Whether the process certainly does not exist any more. Of another machine's nothing is known.
pub(crate) fn is_dead(holder: &str) -> bool {
    let mut parts = holder.split('/');
    let (Some(its_boot), Some(pid), Some(its_start)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let mine = boot();
    let ([its_boot, its_space, its_host], [boot, space, host]) = (place(its_boot), place(&mine));
    // A restarted machine keeps its name and loses its boot id; what ran on it before is dead.
    if its_boot != boot {
        return its_host == host;
    }
    if its_space != space || its_host != host {
        return false;
    }
    pid.parse().ok().and_then(started).is_none_or(|start| start != its_start)
}

/// The machine and the process.
pub(crate) fn parts(holder: &str) -> Option<(&str, u32)> {
    let mut parts = holder.split('/');
    let host = parts.next()?.rsplit('@').next()?;
    Some((host, parts.next()?.parse().ok()?))
}

/// ` by process 123 on host`
pub(crate) fn describe(holder: &str) -> String {
    parts(holder).map_or_else(String::new, |(host, pid)| format!(" by process {pid} on {host}"))
}

/// `BOOT:SPACE@HOST`
fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let space = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    let space: String = space.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    let host = nix::unistd::gethostname().unwrap_or_default();
    format!("{}:{space}@{}", id.trim(), host.to_string_lossy())
}

/// The boot, the space of process numbers and the host.
fn place(text: &str) -> [&str; 3] {
    let (boot, host) = text.rsplit_once('@').unwrap_or((text, ""));
    let (boot, space) = boot.split_once(':').unwrap_or((boot, ""));
    [boot, space, host]
}

/// When the process started, in ticks since the boot (`man 5 proc_pid_stat`, field 22).
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses, which may hold anything.
    let mut fields = stat.rsplit(") ").next()?.split(' ');
    // A process that has ended and was not asked for its exit status yet is as dead as it will be.
    if matches!(fields.next(), Some("Z" | "X")) {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_dead_when_it_has_ended() {
        assert!(!is_dead(&current()));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        let holder = format!("{}/{pid}/{}", boot(), started(pid).unwrap_or_default());
        child.wait().unwrap();
        assert!(is_dead(&holder));
        assert!(is_dead(&format!("{}/{}/0", boot(), std::process::id())));
        assert!(!is_dead("boot:1@elsewhere/1/1"));
        let here = boot();
        let [id, _, host] = place(&here);
        assert!(is_dead(&format!("another:1@{host}/1/1")), "before the machine was restarted");
        assert!(!is_dead(&format!("{id}:1@{host}/1/1")), "in another container of this machine");
    }
}
