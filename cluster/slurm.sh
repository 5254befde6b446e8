#!/usr/bin/env bash
# When to use it: a cluster whose machines are handed out by Slurm. One job is one run: it starts Ray on the nodes that Slurm gives it, runs
# the search on them, and ends with it. Submit it on a login node, at the root of a checkout with .venv (`make demo` makes one), in a folder
# that all nodes see. Nodes need NVIDIA's driver 580 or newer.
#
#     sbatch --nodes=4 cluster/slurm.sh search_spaces/lr.yaml [the options of `summtune run`]
#     tail -f summtune-JOB.log                     # the run's own screen
#     summtune stop $SUMMTUNE_STORAGE/slurm-JOB/sweep_NAME --now      # ends it so that it can be resumed
#
# Results go to $SUMMTUNE_STORAGE/slurm-JOB (a folder that all nodes see; results/ of the checkout where it is unset). 120 s before the end of its
# time the job is told: the run is left resumable, and the job queues itself again and goes on with it. So it does where Slurm preempts it, if jobs
# have a grace time then (GraceTime of the partition or QOS, 120 s will do). Without one Slurm ends it at once, and queues it again itself where
# its PreemptMode is REQUEUE; the run then goes on from its last checkpoints.
# A run that was ended otherwise goes on with: sbatch cluster/slurm.sh --resume $SUMMTUNE_STORAGE/slurm-JOB/sweep_NAME
#
# Nodes are taken whole (--exclusive), so that no other job meets Ray's ports; these listen on the cluster's network, guarded by a token that
# is made for this job, and travels unencrypted. The dashboard listens on the first node's loopback: ssh -L 8265:127.0.0.1:8265 NODE.

# Change these to your cluster's; options of sbatch overrule them. CPUs and GPUs are those of a node.
#SBATCH --job-name=summtune
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --cpus-per-task=32
#SBATCH --gpus-per-node=4
#SBATCH --time=24:00:00
#SBATCH --output=summtune-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=B:TERM@120

set -euo pipefail

if [[ $# -eq 0 || -z ${SLURM_JOB_ID:-} ]]; then
    echo "Submit it: sbatch --nodes=4 cluster/slurm.sh SPACE.yaml [the options of summtune run]" >&2
    exit 2
fi

root=${SLURM_SUBMIT_DIR:?}
PATH=$root/.venv/bin:$PATH
storage=${SUMMTUNE_STORAGE:-$root/results}
results=$storage/slurm-$SLURM_JOB_ID
port=${SUMMTUNE_RAY_PORT:-6379}
mkdir -p "$results"

# The token lies in a file that only its owner can read, never on a command line, and goes when the job does.
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$results/.ray-token SUMMTUNE_STORAGE=$storage RAY_USAGE_STATS_ENABLED=0
export RAY_JOB_STOP_WAIT_TIME_S=60
# Ray's own folder on each node, for this job alone: in /tmp/ray the Ray of another user may have left files that this one can't write.
export RAY_TMPDIR=/tmp/ray-$SLURM_JOB_ID
(umask 077 && python -c "import secrets; print(secrets.token_hex(32), end='')" > "$RAY_AUTH_TOKEN_PATH")

nodes=()
steps=()
run=
told=
# shellcheck disable=SC2329 # called by the trap
cleanup() {
    trap - EXIT
    # The steps are this job's own: ending them ends Ray on their nodes.
    for step in "${steps[@]}"; do kill -TERM "$step" 2> /dev/null || true; done
    wait || true
    # This is the first node; a job that is over has no more steps on the others.
    rm -rf "$RAY_TMPDIR" || true
    for node in "${nodes[@]:1}"; do on_node "$node" rm -rf "$RAY_TMPDIR" 2> /dev/null & done
    # A node that is down would be waited for without end.
    for ((second = 0; second < 20; second++)); do [[ -n $(jobs -rp) ]] || break; sleep 1; done
    rm -f "$RAY_AUTH_TOKEN_PATH"
}
# shellcheck disable=SC2329 # called by the trap
tell_run() {
    [[ -n $run ]] || exit 143
    told=yes
    # `summtune run` ends in good order at the first SIGTERM: nothing is lost.
    kill -TERM "$run" 2> /dev/null || true
}
trap cleanup EXIT
trap tell_run TERM

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
# A step on one node, with all of it: NODE COMMAND… To be called in a subshell, which becomes srun, so that ending it ends the step.
on_node() {
    local node=$1
    shift
    exec srun --nodes=1 --ntasks=1 --overlap --nodelist="$node" --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" "$@"
}
head_ip=$(on_node "${nodes[0]}" hostname --ip-address)
head_ip=${head_ip%% *}

# Every node trains, the first one, too: `summtune run` below is a process of the batch step, and takes no CPU and no GPU of Ray's.
# summtune_driver is for runs that are submitted to this Ray in addition, while it lives.
on_node "${nodes[0]}" ray start --head --block --node-ip-address="$head_ip" --port="$port" --dashboard-host=127.0.0.1 \
    --num-cpus="${SLURM_CPUS_PER_TASK:-1}" --resources='{"summtune_driver": 1}' --disable-usage-stats &
steps+=($!)

for ((second = 0; ; second++)); do
    if (exec 3<> "/dev/tcp/$head_ip/$port") 2> /dev/null; then break; fi
    if ((second >= 180)); then
        echo "Ray did not start on ${nodes[0]} within 3 minutes; what it said stands above." >&2
        exit 3
    fi
    sleep 1
done

# Slurm tells the steps of a job that it preempts, and not this script. This one does nothing but end then, and so tells the script.
on_node "${nodes[0]}" sleep infinity &
told_by_slurm=$!
steps+=("$told_by_slurm")

for node in "${nodes[@]:1}"; do
    on_node "$node" ray start --block --address="$head_ip:$port" --num-cpus="${SLURM_CPUS_PER_TASK:-1}" --disable-usage-stats &
    steps+=($!)
done

export RAY_ADDRESS=$head_ip:$port
cd "$root"
if [[ $1 == --resume ]]; then
    summtune resume "${@:2}" &
elif compgen -G "$results/sweep_*" > /dev/null; then
    # Slurm queued this job again: its run is there already.
    found=("$results"/sweep_*)
    summtune resume "${found[0]}" &
else
    summtune run "$@" --output-dir "$results" &
fi
run=$!

# `wait -n` of one of several takes bash 5.1: what has ended may be the step of any node.
while [[ -z $told ]] && kill -0 "$run" 2> /dev/null && kill -0 "$told_by_slurm" 2> /dev/null; do wait -n || true; done
if [[ -z $told ]] && kill -0 "$run" 2> /dev/null; then tell_run; fi
# A signal ends `wait`, too.
while kill -0 "$run" 2> /dev/null; do wait "$run" || true; done
code=0
wait "$run" || code=$?

# 130 is a run that was left in good order; others than 0 and 2, one whose cluster was taken from under it. A job that somebody has cancelled is told
# in the same way, and isn't running any more.
if [[ -n $told && $code -ne 0 && $code -ne 2 && $(scontrol show job "$SLURM_JOB_ID") == *JobState=RUNNING* ]]; then
    cleanup # first: a job that is queued again is ended at once
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
