// What is noted of a packet that is sent: a part of attribution.bpf.c, which has its types and maps.

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
	return !settings.accepted || !ct || !bpf_core_field_exists(ct->mark) ||
	       !(BPF_CORE_READ(ct, mark) & settings.accepted);
}

// SCTP and DCCP open a connection again, and SCTP looks for other ways to its peer, from timers.
static __always_inline int sends_by_itself(const struct sock *sk)
{
	return sk->sk_type != SOCK_RAW && (sk->sk_protocol == IPPROTO_SCTP || sk->sk_protocol == IPPROTO_DCCP);
}

// A timer's packet is whose the socket's last one was; who runs has nothing to do with it.
static __always_inline void note_opener(struct sock *sk, const struct ends *ends)
{
	struct file *file = BPF_CORE_READ(sk, sk_socket, file);
	__u64 inode = file ? BPF_CORE_READ(file, f_inode, i_ino) : 0;
	struct sender *opener = bpf_map_lookup_elem(&associations, &inode);
	if (opener)
		bpf_map_update_elem(&senders, ends, opener, BPF_ANY);
	else
		bpf_map_delete_elem(&senders, ends);
}

static __always_inline int same_process(const struct sender *one, const struct sender *other)
{
	return one->tgid == other->tgid && one->start_time == other->start_time;
}

static __always_inline void note_association(struct sender *sender)
{
	struct sender *known = bpf_map_lookup_elem(&associations, &sender->inode);
	if (known && (known->shared || !same_process(known, sender)))
		sender->shared = 1;
	bpf_map_update_elem(&associations, &sender->inode, sender, BPF_ANY);
}

// Before the queue: who sends is who runs.
static __always_inline void note_sender(struct sk_buff *skb)
{
	struct sock *sk = skb->sk;
	struct ends ends = {};
	struct sender sender = {};
	if (!sk || !may_open_a_flow(skb, sk) || read_ends(skb, &ends))
		return;
	// TCP that a raw socket writes is no connection of its own: each packet is its sender's.
	int is_tcp = ends.protocol == IPPROTO_TCP && sk->sk_type == SOCK_STREAM;
	int is_forged = ends.protocol == IPPROTO_TCP && !is_tcp;
	if (is_tcp && BPF_CORE_READ((struct inet_connection_sock *)sk, icsk_retransmits))
		return;
	// A process that works on such a socket has locked it.
	int by_itself = sends_by_itself(sk);
	if (by_itself && !sk->sk_lock.owned) {
		note_opener(sk, &ends);
		return;
	}
	if (read_sender(sk, &sender)) {
		// Nobody's: what an earlier socket left behind does not name it.
		bpf_map_delete_elem(&senders, &ends);
		return;
	}
	struct sender *known = bpf_map_lookup_elem(&senders, &ends);
	// A connection may stand that has the ends of a forged packet. Its SYN, if sent again, is not recorded again, so an entry
	// of another process must not become the forger's.
	if (known && (known->inode == sender.inode || is_forged)) {
		int same = same_process(known, &sender);
		if (is_tcp || (same && known->exec_id == sender.exec_id && known->cgroup == sender.cgroup))
			return;
		sender.shared = known->shared || !same;
	}
	if (by_itself)
		note_association(&sender);
	bpf_map_update_elem(&senders, &ends, &sender, BPF_ANY);
}
