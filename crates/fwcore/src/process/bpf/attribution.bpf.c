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
#define NAMES 512
#define COMPONENT 256
#define DEPTH 48
#define SCRIPT 256
#define ARGUMENTS 256

#define NF_ACCEPT 1
#define PF_KTHREAD 0x00200000
#define TCP_SYN_SENT 2
#define TCP_TIME_WAIT 6
#define TCP_NEW_SYN_RECV 12
#define SOCK_STREAM 1
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

struct nf_hook_state;

struct bpf_nf_ctx {
	const struct nf_hook_state *state;
	struct sk_buff *skb;
} __attribute__((preserve_access_index));

// The bit of connection marks that says accepted, as user space was told to use it; 0 where it is not to be looked at.
const volatile __u32 accepted = 0;

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

static __always_inline int has_ports(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_DCCP ||
	       protocol == IPPROTO_SCTP || protocol == IPPROTO_UDPLITE;
}

static __always_inline int read_ends(struct sk_buff *skb, struct ends *ends)
{
	unsigned char *head = BPF_CORE_READ(skb, head);
	unsigned char *network = head + BPF_CORE_READ(skb, network_header);
	unsigned char *transport;
	__u8 first = 0;
	bpf_probe_read_kernel(&first, 1, network);
	if (first >> 4 == 4) {
		ends->family = 4;
		bpf_probe_read_kernel(&ends->protocol, 1, network + 9);
		bpf_probe_read_kernel(ends->source, 4, network + 12);
		bpf_probe_read_kernel(ends->destination, 4, network + 16);
		transport = network + (first & 15) * 4;
	} else if (first >> 4 == 6) {
		ends->family = 6;
		bpf_probe_read_kernel(&ends->protocol, 1, network + 6);
		bpf_probe_read_kernel(ends->source, 16, network + 8);
		bpf_probe_read_kernel(ends->destination, 16, network + 24);
		transport = network + 40;
		if (!has_ports(ends->protocol) && ends->protocol != IPPROTO_ICMPV6) {
			// Extension headers: the sender left the place of the transport header, and its socket the protocol.
			ends->protocol = BPF_CORE_READ(skb, sk, sk_protocol);
			transport = head + BPF_CORE_READ(skb, transport_header);
		}
	} else {
		return -1;
	}
	__u16 ports[2] = {};
	if (has_ports(ends->protocol)) {
		bpf_probe_read_kernel(ports, 4, transport);
	} else if ((ends->protocol == IPPROTO_ICMP && ends->family == 4) || ends->protocol == IPPROTO_ICMPV6) {
		__u8 type = 0;
		bpf_probe_read_kernel(&type, 1, transport);
		if (type == 8 || type == 0 || type == 128 || type == 129)
			bpf_probe_read_kernel(ports, 2, transport + 4);
	}
	ends->source_port = bpf_ntohs(ports[0]);
	ends->destination_port = bpf_ntohs(ports[1]);
	return 0;
}

// The process that sends this packet, if one does: its socket has a file, which the kernel's own sockets do not have, and
// the packet is made in its own context. Of TCP that is the first SYN alone: a SYN that is sent again and all that
// follows leave in whatever context the timer or the peer's answer finds.
static __always_inline int read_sender(struct sock *sk, struct sender *sender)
{
	struct file *file = BPF_CORE_READ(sk, sk_socket, file);
	struct task_struct *task = bpf_get_current_task_btf();
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);
	if (!file || BPF_CORE_READ(leader, flags) & PF_KTHREAD)
		return -1;
	sender->inode = BPF_CORE_READ(file, f_inode, i_ino);
	sender->start_time = BPF_CORE_READ(leader, start_boottime);
	sender->exec_id = BPF_CORE_READ(leader, self_exec_id);
	sender->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	sender->tgid = BPF_CORE_READ(leader, tgid);
	return 0;
}

// Nothing is to be noted of most packets, and each one pays for what is looked at: so these are plain loads, not calls.
static __always_inline int may_open_a_flow(const struct sk_buff *skb, const struct sock *sk)
{
	unsigned char state = sk->__sk_common.skc_state;
	// These are no whole sockets: what lies behind their state must not be read.
	if (state == TCP_TIME_WAIT || state == TCP_NEW_SYN_RECV)
		return 0;
	if (sk->sk_type == SOCK_STREAM && sk->sk_protocol == IPPROTO_TCP && state != TCP_SYN_SENT)
		return 0;
	struct nf_conn *ct = (void *)(skb->_nfct & ~7UL);
	// The kernel lets an accepted flow pass by its mark: nobody will ask who sends it.
	return !accepted || !ct || !bpf_core_field_exists(ct->mark) || !(BPF_CORE_READ(ct, mark) & accepted);
}

// Before the queue, in the OUTPUT hook: who sends is who runs.
SEC("netfilter")
int on_output(struct bpf_nf_ctx *ctx)
{
	struct sk_buff *skb = ctx->skb;
	struct sock *sk = skb->sk;
	struct ends ends = {};
	struct sender sender = {};
	if (!sk || !may_open_a_flow(skb, sk) || read_ends(skb, &ends))
		return NF_ACCEPT;
	// TCP that a raw socket writes is no connection of its own: each packet is its sender's.
	int is_tcp = ends.protocol == IPPROTO_TCP && sk->sk_type == SOCK_STREAM;
	int is_forged = ends.protocol == IPPROTO_TCP && !is_tcp;
	if (is_tcp && BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_retransmits))
		return NF_ACCEPT;
	if (read_sender(sk, &sender)) {
		// Nobody's: what an earlier socket left behind does not name it.
		bpf_map_delete_elem(&senders, &ends);
		return NF_ACCEPT;
	}
	struct sender *known = bpf_map_lookup_elem(&senders, &ends);
	// A connection may stand that has the ends of a forged packet. Its SYN, if sent again, is not recorded again, so an entry
	// of another process must not become the forger's.
	if (known && (known->inode == sender.inode || is_forged)) {
		int same = known->tgid == sender.tgid && known->start_time == sender.start_time;
		if (is_tcp || (same && known->exec_id == sender.exec_id && known->cgroup == sender.cgroup))
			return NF_ACCEPT;
		sender.shared = known->shared || !same;
	}
	bpf_map_update_elem(&senders, &ends, &sender, BPF_ANY);
	return NF_ACCEPT;
}
