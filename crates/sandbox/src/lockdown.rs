//! The two stages in which the kernel locks a worker process down.
//!
//! The first is put on between fork and exec, before any Python runs, and leaves only what starting an interpreter
//! needs: reading and executing its own files. The second is put on by the worker itself once its library is in
//! memory (`lock_down` in `worker/library.py`) and leaves computing, memory and the pipes to the parent. Neither can be
//! lifted again.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, Scope,
};
use nix::sys::resource::{Resource, setrlimit};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};

use crate::Unavailable;
use crate::interpreter::Interpreter;

/// Where the C library and the loader keep shared objects.
const SYSTEM_LIBRARIES: [&str; 6] =
    ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"];

#[derive(Debug)]
pub(crate) struct Lockdown {
    ruleset: OwnedFd,
    first: BpfProgram,
    /// The second stage's filter as the bytes that `prctl` takes.
    pub(crate) second: Vec<u8>,
}

impl Lockdown {
    pub(crate) fn new(interpreter: &Interpreter) -> Result<Self, Unavailable> {
        let ruleset = ruleset(interpreter).map_err(|error| no_landlock(&error.to_string()))?;
        let first = compile(denied(), SeccompAction::Allow, SeccompAction::Errno(libc::EPERM as u32))?;
        let second = compile(allowed(), SeccompAction::Errno(libc::EPERM as u32), SeccompAction::Allow)?;
        Ok(Self {
            ruleset: ruleset.ok_or_else(|| no_landlock("it is switched off"))?,
            first,
            second: bytes(&second),
        })
    }

    /// Puts the first stage on the calling process. Async-signal-safe: it makes system calls and nothing else.
    pub(crate) fn enter_first_stage(&self) -> io::Result<()> {
        setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
        setrlimit(Resource::RLIMIT_FSIZE, 0, 0)?;
        setrlimit(Resource::RLIMIT_NOFILE, 64, 64)?;
        nix::sys::prctl::set_no_new_privs()?;
        // SAFETY: the call takes a descriptor, which this struct keeps open, and a flag word.
        if unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.ruleset.as_raw_fd(), 0) } != 0 {
            return Err(io::Error::last_os_error());
        }
        seccompiler::apply_filter(&self.first).map_err(|_| io::Error::last_os_error())
    }
}

/// Whether the kernel has what both stages need.
pub(crate) fn check_kernel() -> Result<(), Unavailable> {
    const GET_VERSION: libc::c_ulong = 1;
    // SAFETY: with a null attribute of size 0 and this flag the call only answers the version.
    let abi = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0_usize, 0_usize, GET_VERSION) };
    if abi < 1 {
        return Err(no_landlock(&io::Error::last_os_error().to_string()));
    }
    let action = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the call reads one u32 that lives on this stack.
    let answer =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) };
    if answer != 0 {
        return Err(Unavailable::Lockdown {
            missing: format!("the kernel has no seccomp filters ({})", io::Error::last_os_error()),
            advice: "Use a kernel with CONFIG_SECCOMP_FILTER",
        });
    }
    Ok(())
}

fn no_landlock(why: &str) -> Unavailable {
    Unavailable::Lockdown {
        missing: format!("the kernel has no Landlock ({why})"),
        advice: "Use Linux 5.13 or newer with \"landlock\" among its security modules (lsm= on the kernel's command \
                 line), and a container runtime that lets it through",
    }
}

/// Reading in the library folders, executing the interpreter and its loader, nothing else. The file-system part is
/// required; what newer kernels can refuse on top (network, signals, devices) is taken where it is there.
fn ruleset(interpreter: &Interpreter) -> Result<Option<OwnedFd>, RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))?
        .handle_access(AccessNet::from_all(ABI::V4))?
        .scope(Scope::from_all(ABI::V6))?
        .create()?;
    let readable = SYSTEM_LIBRARIES.into_iter().map(std::path::Path::new);
    for path in readable.chain(interpreter.folders.iter().map(std::path::PathBuf::as_path)) {
        // A folder that this machine lacks needs no rule.
        let Ok(fd) = PathFd::new(path) else { continue };
        let access =
            if path.is_dir() { AccessFs::ReadFile | AccessFs::ReadDir } else { AccessFs::ReadFile.into() };
        rules = rules.add_rule(PathBeneath::new(fd, access))?;
    }
    for path in [Some(interpreter.executable.clone()), loader(&interpreter.executable)].into_iter().flatten()
    {
        if let Ok(fd) = PathFd::new(&path) {
            rules = rules.add_rule(PathBeneath::new(fd, AccessFs::ReadFile | AccessFs::Execute))?;
        }
    }
    Ok(rules.into())
}

/// The program that the kernel runs to load a dynamically linked executable (its ELF `PT_INTERP`).
fn loader(executable: &std::path::Path) -> Option<std::path::PathBuf> {
    let file = std::fs::read(executable).ok()?;
    let word = |at: usize, size: usize| -> Option<usize> {
        let bytes = file.get(at..at + size)?;
        Some(bytes.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    };
    let (table, size, count) = (word(0x20, 8)?, word(0x36, 2)?, word(0x38, 2)?);
    let header = (0..count).map(|n| table + n * size).find(|at| word(*at, 4) == Some(3))?;
    let name = file.get(word(header + 8, 8)?..)?.get(..word(header + 0x20, 8)?)?;
    Some(std::str::from_utf8(name).ok()?.trim_end_matches('\0').into())
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn compile(
    rules: Rules,
    otherwise: SeccompAction,
    on_match: SeccompAction,
) -> Result<BpfProgram, Unavailable> {
    let unsupported = |why: String| Unavailable::Lockdown {
        missing: format!("its system calls cannot be filtered ({why})"),
        advice: "Use a machine with an x86-64 or ARM64 processor",
    };
    let arch: TargetArch =
        std::env::consts::ARCH.try_into().map_err(|error| unsupported(format!("{error:?}")))?;
    SeccompFilter::new(rules, otherwise, on_match, arch)
        .and_then(BpfProgram::try_from)
        .map_err(|error| unsupported(error.to_string()))
}

fn bytes(program: &[sock_filter]) -> Vec<u8> {
    let instruction = |each: &sock_filter| {
        let [c0, c1] = each.code.to_ne_bytes();
        let [k0, k1, k2, k3] = each.k.to_ne_bytes();
        [c0, c1, each.jt, each.jf, k0, k1, k2, k3]
    };
    program.iter().flat_map(instruction).collect()
}

/// What the first stage refuses although files and libraries can still be opened. `execve` must stay: the
/// interpreter itself comes next.
fn denied() -> Rules {
    let mut calls = vec![
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept,
        libc::SYS_accept4,
        libc::SYS_sendto,
        libc::SYS_sendmsg,
        libc::SYS_clone,
        libc::SYS_clone3,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_getfd,
        libc::SYS_pidfd_send_signal,
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_tgkill,
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_rt_tgsigqueueinfo,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_move_mount,
        libc::SYS_open_tree,
        libc::SYS_fsopen,
        libc::SYS_fsmount,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_setns,
        libc::SYS_unshare,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_kexec_load,
        libc::SYS_reboot,
        libc::SYS_swapon,
        libc::SYS_swapoff,
        libc::SYS_setuid,
        libc::SYS_setgid,
        libc::SYS_setresuid,
        libc::SYS_setresgid,
        libc::SYS_capset,
        libc::SYS_personality,
        libc::SYS_acct,
        libc::SYS_quotactl,
        libc::SYS_sethostname,
        libc::SYS_settimeofday,
        libc::SYS_clock_settime,
        libc::SYS_adjtimex,
        libc::SYS_shmget,
        libc::SYS_msgget,
        libc::SYS_semget,
        libc::SYS_mq_open,
    ];
    #[cfg(target_arch = "x86_64")]
    calls.extend([libc::SYS_fork, libc::SYS_vfork, libc::SYS_iopl, libc::SYS_ioperm]);
    calls.into_iter().map(|call| (call, Vec::new())).collect()
}

/// All that the second stage leaves. No call here names a file, a socket or another process; `newfstatat` is
/// missing because a filter cannot see whether its path is empty.
fn allowed() -> Rules {
    let mut calls = vec![
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_lseek,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_brk,
        libc::SYS_madvise,
        libc::SYS_futex,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_clock_gettime,
        libc::SYS_clock_getres,
        libc::SYS_gettimeofday,
        libc::SYS_getrandom,
        libc::SYS_getpid,
        libc::SYS_gettid,
        libc::SYS_clock_nanosleep,
        libc::SYS_nanosleep,
        libc::SYS_pselect6,
        libc::SYS_ppoll,
        libc::SYS_restart_syscall,
        libc::SYS_sched_yield,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ];
    #[cfg(target_arch = "x86_64")]
    calls.extend([libc::SYS_poll, libc::SYS_select]);
    let mut rules: Rules = calls.into_iter().map(|call| (call, Vec::new())).collect();
    // Memory may be had, but none that can be executed.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        rules.insert(call, vec![without_exec()]);
    }
    rules
}

fn without_exec() -> SeccompRule {
    const PROTECTION: u8 = 2;
    let mask = SeccompCmpOp::MaskedEq(libc::PROT_EXEC as u64);
    let condition = SeccompCondition::new(PROTECTION, SeccompCmpArgLen::Dword, mask, 0);
    condition.and_then(|condition| SeccompRule::new(vec![condition])).expect("argument 2 exists")
}
