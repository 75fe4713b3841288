#!/usr/bin/env bash
# A real Slurm cluster on this one machine for tests: two virtual nodes with two GPUs each that are only device files.
#
#   scripts/slurm.sh install      the Debian packages (slurmctld, slurmd, slurm-client, munge); needs root once
#   scripts/slurm.sh up DIR       starts it, everything below DIR; prints the exports that sbatch needs
#   scripts/slurm.sh start DIR slurmctld|slurmd NODE     a daemon again that was killed
#   scripts/slurm.sh down DIR     ends every job and daemon of it
#
# Nothing outside DIR is touched, several clusters may run side by side.
set -euo pipefail

die() { printf '%s\n' "$*" >&2; exit 1; }

install() {
  command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v sbatch >/dev/null && command -v munged >/dev/null && return
  command -v apt-get >/dev/null || die "no apt-get here: install slurmctld, slurmd, slurm-client and munge"
  export DEBIAN_FRONTEND=noninteractive
  # The packages would start daemons of their own where there is a systemd: none of these is wanted.
  apt-get update -q && apt-get install -qy --no-install-recommends slurmctld slurmd slurm-client munge
}

# Debian's programs end in -wlm; started under that name they silently drop GRES.
program() {
  local path
  path=$(PATH=$PATH:/usr/sbin command -v "$1-wlm" || PATH=$PATH:/usr/sbin command -v "$1") || die "no $1: scripts/slurm.sh install"
  ln -sf "$path" "$dir/bin/$1"
}

port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

config() {
  local host user
  host=$(hostname -s) user=$(id -un)
  cat >"$dir/slurm.conf" <<CONF
ClusterName=matrix
SlurmctldHost=$host(127.0.0.1)
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$dir/munge.socket
CryptoType=crypto/munge
SlurmctldPort=$(port)
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/%n.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1
MpiDefault=none
SlurmdParameters=config_overrides
ReturnToService=2
SlurmctldTimeout=5
SlurmdTimeout=5
KillWait=5
MinJobAge=5
MaxArraySize=17
GresTypes=gpu
NodeName=n1 NodeAddr=127.0.0.1 NodeHostName=$host Port=$(port) CPUs=2 RealMemory=500 Gres=gpu:2 Feature=big State=UNKNOWN
NodeName=n2 NodeAddr=127.0.0.1 NodeHostName=$host Port=$(port) CPUs=2 RealMemory=500 Gres=gpu:2 Feature=small State=UNKNOWN
PartitionName=gpu Nodes=n1,n2 Default=YES MaxTime=1:00:00 State=UP
CONF
  cat >"$dir/gres.conf" <<CONF
NodeName=n1 Name=gpu File=/dev/tty[1-2]
NodeName=n2 Name=gpu File=/dev/tty[3-4]
CONF
  # The kernel's control groups are the host's; a test has no business there.
  printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' >"$dir/cgroup.conf"
}

start() {
  export SLURM_CONF=$dir/slurm.conf
  case $1 in
    slurmctld) setsid "$dir/bin/slurmctld" -D >>"$dir/slurmctld.out" 2>&1 </dev/null & echo $! >"$dir/slurmctld.started" ;;
    slurmd) setsid "$dir/bin/slurmd" -D -N "$2" >>"$dir/$2.out" 2>&1 </dev/null & echo $! >"$dir/$2.started" ;;
    *) die "no daemon $1" ;;
  esac
}

up() {
  mkdir -p "$dir"/{bin,state,spool/n1,spool/n2,munge}
  chmod 700 "$dir" "$dir/munge"
  program slurmctld && program slurmd
  head -c 128 /dev/urandom >"$dir/munge/key" && chmod 600 "$dir/munge/key"
  config
  PATH=$PATH:/usr/sbin munged --force --key-file="$dir/munge/key" --socket="$dir/munge.socket" --pid-file="$dir/munge/pid" \
    --log-file="$dir/munge/log" --seed-file="$dir/munge/seed" >"$dir/munge/out" 2>&1 || die "munged: $(cat "$dir/munge/out")"
  start slurmctld && start slurmd n1 && start slurmd n2
  local tries=0
  until [[ $(sinfo -h -N -o '%N %t' 2>/dev/null | grep -c idle) == 2 ]]; do
    ((++tries < 150)) || { tail -n 20 "$dir"/*.out "$dir"/*.log >&2; die "the nodes did not come up"; }
    sleep 0.1
  done
  printf 'export SLURM_CONF=%q\n' "$dir/slurm.conf"
}

# alive PID…: those that are still there and no zombies.
alive() {
  local pid
  for pid; do grep -qs '^State:[[:space:]][^ZX]' "/proc/$pid/status" && printf '%s\n' "$pid"; done
  return 0
}

down() {
  local file pids=() tries=0
  [[ -d $dir ]] || return 0
  export SLURM_CONF=$dir/slurm.conf
  timeout 10 scancel --user="$(id -un)" >/dev/null 2>&1 || true
  for file in "$dir"/*.started "$dir/munge/pid"; do [[ -s $file ]] && pids+=("$(<"$file")"); done
  # What a node started has the node's configuration in its environment.
  while IFS= read -r file; do pids+=("$(basename "$(dirname "$file")")"); done < <(grep -lsz "^SLURM_CONF=$dir/slurm.conf\$" /proc/[0-9]*/environ | grep -v "/$$/" || true)
  for file in "${pids[@]}"; do [[ $file == "$$" || $file == "$PPID" ]] || kill "$file" 2>/dev/null || true; done
  until [[ -z $(alive "${pids[@]}") ]]; do
    ((++tries < 50)) || { for file in $(alive "${pids[@]}"); do [[ $file == "$$" || $file == "$PPID" ]] || kill -9 "$file" 2>/dev/null || true; done; break; }
    sleep 0.1
  done
  rm -rf "$dir"
}

verb=${1:-}
case $verb in
  install) install ;;
  up | down | start)
    (($# >= 2)) || die "usage: scripts/slurm.sh $verb DIR"
    mkdir -p "$2" && dir=$(cd "$2" && pwd)
    shift 2
    "$verb" "$@"
    ;;
  *) sed -n '2,/^set/p' "$0" | sed '$d; s/^# \{0,1\}//' && exit 1 ;;
esac
