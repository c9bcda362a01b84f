// Who sends: ties the ends of each new outgoing flow to the process that sent its first packet, and keeps what each
// process runs. Read by user space when it judges the packet, even if the process has ended by then.
//
// Kernel types are declared with just the fields used; CO-RE finds them in the running kernel.

#include <linux/bpf.h>
#include <linux/types.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define FLOWS 65536
#define PROCESSES 16384
#define ASSOCIATIONS 4096
#define NAMES 512
#define COMPONENT 256
#define DEPTH 48
#define SCRIPT 256
#define ARGUMENTS 256

#define NF_ACCEPT 1
#define NF_INET_LOCAL_OUT 3
#define NFPROTO_IPV4 2
#define NFPROTO_IPV6 10
#define PF_KTHREAD 0x00200000
#define TCP_SYN_SENT 2
#define TCP_TIME_WAIT 6
#define TCP_NEW_SYN_RECV 12
#define SOCK_STREAM 1
#define SOCK_RAW 3
#define IPPROTO_ICMP 1
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_DCCP 33
#define IPPROTO_ICMPV6 58
#define IPPROTO_SCTP 132
#define IPPROTO_UDPLITE 136

struct qstr {
	union {
		struct {
			__u32 hash;
			__u32 len;
		};
		__u64 hash_len;
	};
	const unsigned char *name;
} __attribute__((preserve_access_index));

struct super_block {
	__u32 s_dev;
} __attribute__((preserve_access_index));

struct inode {
	unsigned long i_ino;
	struct super_block *i_sb;
} __attribute__((preserve_access_index));

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
} __attribute__((preserve_access_index));

struct vfsmount {
	struct dentry *mnt_root;
} __attribute__((preserve_access_index));

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
} __attribute__((preserve_access_index));

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
} __attribute__((preserve_access_index));

struct file {
	struct path f_path;
	struct inode *f_inode;
} __attribute__((preserve_access_index));

struct mm_struct {
	struct file *exe_file;
	unsigned long arg_start;
	unsigned long arg_end;
} __attribute__((preserve_access_index));

struct ns_common {
	unsigned int inum;
} __attribute__((preserve_access_index));

struct mnt_namespace {
	struct ns_common ns;
} __attribute__((preserve_access_index));

struct nsproxy {
	struct mnt_namespace *mnt_ns;
} __attribute__((preserve_access_index));

struct kernfs_node {
	__u64 id;
} __attribute__((preserve_access_index));

struct cgroup {
	struct kernfs_node *kn;
} __attribute__((preserve_access_index));

struct css_set {
	struct cgroup *dfl_cgrp;
} __attribute__((preserve_access_index));

struct task_struct {
	unsigned int flags;
	int pid;
	int tgid;
	struct task_struct *group_leader;
	struct task_struct *real_parent;
	struct mm_struct *mm;
	struct nsproxy *nsproxy;
	struct css_set *cgroups;
	__u64 start_boottime;
	__u64 self_exec_id;
} __attribute__((preserve_access_index));

struct linux_binprm {
	const char *filename;
	const char *interp;
} __attribute__((preserve_access_index));

struct sock_common {
	unsigned char skc_state;
} __attribute__((preserve_access_index));

struct socket {
	struct file *file;
} __attribute__((preserve_access_index));

struct sock {
	struct sock_common __sk_common;
	struct {
		int owned; // by a process, which works on the socket
	} sk_lock;
	__u16 sk_type;
	__u16 sk_protocol;
	struct socket *sk_socket;
} __attribute__((preserve_access_index));

struct inet_connection_sock {
	__u8 icsk_retransmits;
} __attribute__((preserve_access_index));

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
} __attribute__((preserve_access_index));

struct nf_conn {
	__u32 mark;
} __attribute__((preserve_access_index));

struct sk_buff {
	struct sock *sk;
	unsigned long _nfct; // a pointer to nf_conn, and three bits of state
	unsigned char *head;
	__u16 network_header;
	__u16 transport_header;
} __attribute__((preserve_access_index));

struct net {
	struct ns_common ns;
} __attribute__((preserve_access_index));

struct nf_hook_state {
	__u8 hook;
	__u8 pf;
	struct net *net;
} __attribute__((preserve_access_index));

struct bpf_nf_ctx {
	const struct nf_hook_state *state;
	struct sk_buff *skb;
} __attribute__((preserve_access_index));

// Set by user space before the programs are loaded: bpf/layout.rs writes it by the same order.
struct settings {
	// The bit of connection marks that says accepted; 0 where it is not to be looked at.
	__u32 accepted;
	// The inode number of the network namespace whose packets are looked at, for the program that sees those of all.
	__u32 network_namespace;
};

const volatile struct settings settings = {};

// Shared with user space: bpf/layout.rs reads these by the same order.

struct ends {
	__u8 protocol;
	__u8 family;
	__u16 source_port; // host order; the identifier of an ICMP echo
	__u16 destination_port;
	__u16 unused;
	__u8 source[16];
	__u8 destination[16];
};

struct sender {
	__u64 inode; // of the socket
	__u64 start_time; // ns since boot, of the thread group's leader
	__u64 exec_id; // raised by each exec
	__u64 cgroup; // id in the hierarchy of version 2, of the thread that sends
	__u32 tgid;
	__u32 shared; // several processes sent with these ends through this socket
};

struct process {
	__u64 start_time;
	__u64 exec_id;
	__u64 inode;
	__u32 device;
	__u32 parent; // tgid of the one that forked it
	__u32 mount_namespace;
	__u32 names_length; // 0: too deep or too long
	__u32 arguments_length; // of all of them, more than are kept if they are longer; 0: not known
	__u32 unused;
	char names[NAMES + COMPONENT]; // components from the file up to the root, each ended by NUL
	char script[SCRIPT]; // as it was named to exec, where the file is its interpreter; else empty
	char arguments[ARGUMENTS]; // as given to exec, each ended by NUL
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FLOWS);
	__type(key, struct ends);
	__type(value, struct sender);
} senders SEC(".maps");

// By the socket's inode: who sent last through those that also send by themselves.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, ASSOCIATIONS);
	__type(key, __u64);
	__type(value, struct sender);
} associations SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, PROCESSES);
	__type(key, __u32);
	__type(value, struct process);
} processes SEC(".maps");

struct scratch {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct process);
};

// Each program has its own: one may be preempted by another on its CPU.
struct scratch exec_scratch SEC(".maps");
struct scratch fork_scratch SEC(".maps");
struct scratch start_scratch SEC(".maps");

struct walk {
	struct process *process;
	struct dentry *dentry;
	struct mount *mount;
	__u32 length;
	__u32 done;
};

// One step from the file towards the root: a component, or over a mount point. 1 ends the walk.
static long step(__u32 index, struct walk *walk)
{
	(void)index;
	struct dentry *dentry = walk->dentry;
	struct mount *mount = walk->mount;
	struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
	if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
		walk->mount = BPF_CORE_READ(mount, mnt_parent);
		walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
		walk->done = walk->mount == mount;
		return walk->done;
	}
	__u32 at = walk->length;
	if (at >= NAMES)
		return 1;
	const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);
	long length = bpf_probe_read_kernel_str(&walk->process->names[at], COMPONENT, name);
	if (length > 0 && length <= COMPONENT)
		walk->length = at + length;
	walk->dentry = parent;
	// A file in memory has a place in no tree: it is its own parent.
	walk->done = dentry == parent;
	return walk->done;
}

static __always_inline void describe(struct process *process, struct task_struct *leader, struct file *file)
{
	struct walk walk = { .process = process };
	walk.dentry = BPF_CORE_READ(file, f_path.dentry);
	struct vfsmount *vfsmount = BPF_CORE_READ(file, f_path.mnt);
	walk.mount = (void *)vfsmount - bpf_core_field_offset(struct mount, mnt);
	bpf_loop(DEPTH, step, &walk, 0);
	process->names_length = walk.done && walk.length < NAMES ? walk.length : 0;
	process->inode = BPF_CORE_READ(file, f_inode, i_ino);
	process->device = BPF_CORE_READ(file, f_inode, i_sb, s_dev);
	process->start_time = BPF_CORE_READ(leader, start_boottime);
	process->exec_id = BPF_CORE_READ(leader, self_exec_id);
	process->parent = BPF_CORE_READ(leader, real_parent, tgid);
	process->mount_namespace = BPF_CORE_READ(leader, nsproxy, mnt_ns, ns.inum);
}

// What a process runs now, in this CPU's part of a scratch space; its script and arguments are left as they were there.
static __always_inline struct process *look(struct task_struct *leader, void *space)
{
	__u32 zero = 0;
	struct process *process = bpf_map_lookup_elem(space, &zero);
	struct file *file = BPF_CORE_READ(leader, mm, exe_file);
	if (!process || !file)
		return 0;
	describe(process, leader, file);
	return process;
}

// Kept at exec, since a process can write over its own later.
static __always_inline void keep_arguments(struct process *process, struct task_struct *task)
{
	unsigned long start = BPF_CORE_READ(task, mm, arg_start);
	unsigned long length = BPF_CORE_READ(task, mm, arg_end) - start;
	__u32 kept = length < ARGUMENTS ? length : ARGUMENTS;
	if (bpf_probe_read_user(process->arguments, kept, (const void *)start))
		length = 0;
	process->arguments_length = length;
}

// After exec the thread that called it is the leader.
SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	(void)old_pid;
	__u32 tgid = BPF_CORE_READ(task, tgid);
	struct process *process = look(task, &exec_scratch);
	if (!process)
		return 0;
	const char *named = BPF_CORE_READ(bprm, filename);
	process->script[0] = 0;
	if (named != BPF_CORE_READ(bprm, interp))
		bpf_probe_read_kernel_str(process->script, SCRIPT, named);
	keep_arguments(process, task);
	// Its parent may have ended since the fork, and left it to another process that has nothing to do with it.
	struct process *before = bpf_map_lookup_elem(&processes, &tgid);
	if (before && before->start_time == process->start_time)
		process->parent = before->parent;
	bpf_map_update_elem(&processes, &tgid, process, BPF_ANY);
	return 0;
}

// A new process runs what its parent runs, until it execs.
SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 tgid = BPF_CORE_READ(child, tgid);
	if (BPF_CORE_READ(child, pid) != tgid || BPF_CORE_READ(child, flags) & PF_KTHREAD)
		return 0;
	struct process *process = look(child, &fork_scratch);
	if (!process)
		return 0;
	__u32 parent_tgid = BPF_CORE_READ(parent, tgid);
	struct process *above = bpf_map_lookup_elem(&processes, &parent_tgid);
	process->script[0] = 0;
	process->arguments_length = 0;
	if (above) {
		bpf_probe_read_kernel_str(process->script, SCRIPT, above->script);
		bpf_probe_read_kernel(process->arguments, ARGUMENTS, above->arguments);
		process->arguments_length = above->arguments_length;
	}
	bpf_map_update_elem(&processes, &tgid, process, BPF_ANY);
	return 0;
}

// Processes that run already.
SEC("iter/task")
int on_start(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	if (!task)
		return 0;
	__u32 tgid = BPF_CORE_READ(task, tgid);
	if (BPF_CORE_READ(task, pid) != tgid || BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return 0;
	struct process *process = look(task, &start_scratch);
	if (!process)
		return 0;
	// How it was named is not kept by the kernel, and its memory is not at hand here.
	process->script[0] = 0;
	process->arguments_length = 0;
	bpf_map_update_elem(&processes, &tgid, process, BPF_NOEXIST);
	return 0;
}

#include "senders.bpf.h"

// In the OUTPUT hook of our network namespace, just before the queue: from Linux 6.4 on.
SEC("netfilter")
int on_output(struct bpf_nf_ctx *ctx)
{
	note_sender(ctx->skb);
	return NF_ACCEPT;
}

// Where there are no netfilter programs: at the entry of what calls the hooks. It is entered once for each packet and hook,
// of every network namespace. A packet that is judged, or that another queue gave back, goes on behind its entry: so it is
// the sender who runs here, never a daemon. Connection tracking, a hook itself, has not seen the packet yet: an accepted
// flow is not told by its mark here.
SEC("fentry/nf_hook_slow")
int BPF_PROG(on_hooks, struct sk_buff *skb, struct nf_hook_state *state)
{
	if (state->hook == NF_INET_LOCAL_OUT && (state->pf == NFPROTO_IPV4 || state->pf == NFPROTO_IPV6) &&
	    state->net->ns.inum == settings.network_namespace)
		note_sender(skb);
	return 0;
}
