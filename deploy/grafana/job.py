"""How one job, or some side by side, trains. Prometheus has a sample of the
curves; all points are in `lockstep metrics NAME`, TensorBoard and `lockstep report
NAME`."""

from panels import (RATE, board, buckets, chosen, graph, number, query, row,
                    rows, states)

OF = 'instance=~"$instance", job_id=~"$job_id"'
DURATION = "lockstep_train_step_duration_seconds"


def newest(metric):
  return f"max by (job_id) ({metric}{{{OF}}})"


def curve(metric, what=""):
  return query(newest(metric), ("{{job_id}} " + what).strip())


def quantile_of(quantile, histogram):
  return (f"histogram_quantile({quantile}, sum by (job_id, le) "
          f"(rate({histogram}_bucket{{{OF}}}{RATE})))")


def duration_at(quantile):
  return quantile_of(quantile, DURATION)


def steps_left():
  return (f"({newest('lockstep_train_steps_planned')} - "
          f"{newest('lockstep_train_step')})")


def steps_a_second():
  return (f"sum by (job_id) (rate(lockstep_train_steps_total{{{OF}}}{RATE}))")


def dashboard():
  return board("lockstep-job", "Lockstep / Job", __doc__,
               [chosen("job_id", "Job", "lockstep_job_state")], [
      row("Now"),
      number("State", "Where the job is in its life.", "none",
             f"lockstep_job_state{{{OF}}} == 1", "{{job_id}} {{state}}", width=3,
             name_only=True),
      number("Step", "Optimizer steps done.", "none",
             newest("lockstep_train_step"), "{{job_id}}", width=3),
      number("Done", "Steps done of those planned. Early stopping may end it "
             "before.", "percentunit",
             f"{newest('lockstep_train_step')} / "
             f"{newest('lockstep_train_steps_planned')}", "{{job_id}}",
             width=3),
      number("Epochs", "Passes over the data.", "none",
             newest("lockstep_train_epochs"), "{{job_id}}", width=3),
      number("Loss", "Mean loss a trained token, of the newest step.", "none",
             newest("lockstep_train_loss"), "{{job_id}}", width=3),
      number("Evaluation loss", "Of the newest evaluation.", "none",
             newest("lockstep_eval_loss"), "{{job_id}}", width=3),
      number("Tokens a second", "Input tokens over all ranks, without padding.",
             "locale", newest("lockstep_train_tokens_per_second"),
             "{{job_id}}", width=3),
      number("Ends in",
             "At the speed of now, pauses for evaluations and checkpoints "
             "among it. Early stopping may end it before.", "s",
             f"{steps_left()} / ({steps_a_second()} > 0)", "{{job_id}}",
             width=3),
      number("MFU",
             "Model FLOPs utilisation: FLOPs a second that the model needs over "
             "the dense peak of the GPUs. Not known on CPUs.", "percentunit",
             newest("lockstep_train_mfu_ratio"), "{{job_id}}", width=3),
      number("Since the last step",
             "From five minutes on the alert LockstepTrainingStalled fires.",
             "s", "time() - "
             + newest("lockstep_train_last_step_timestamp_seconds"),
             "{{job_id}}", width=3, bad_from=300),
      rows("Job", "What it is, and whose.", "job_id", [
          ("Info", "none",
           "max by (job_id, name, user, model, method) "
           f"(lockstep_job_info{{{OF}}})")], width=18, height=4),
      row("Learning"),
      graph("Loss", "Mean loss a trained token; an evaluation is a step of its "
            "own. A rise that stays wants a lower learning rate.", "none",
            curve("lockstep_train_loss"), curve("lockstep_eval_loss", "eval")),
      graph("Learning rate", "Of the newest step.", "sci",
            curve("lockstep_train_learning_rate"), low=0),
      graph("Gradient norm",
            "Before clipping: what is above train.max_grad_norm was scaled "
            "down.",
            "none", curve("lockstep_train_grad_norm"), low=0),
      graph("Token accuracy",
            "Share of the trained tokens that the model put first.",
            "percentunit", curve("lockstep_train_token_accuracy_ratio"),
            low=0, high=1),
      row("Speed"),
      graph("Tokens a second", "As the ranks measured it, without evaluations "
            "and checkpoints.", "locale",
            curve("lockstep_train_tokens_per_second"), low=0),
      graph("Tokens a second, with all pauses",
            "As Prometheus counted them: what lies below the panel beside is "
            "lost to evaluations, checkpoints, restarts and waiting.", "locale",
            query(f"sum by (job_id) (rate(lockstep_train_tokens_total{{{OF}}}"
                  f"{RATE}))", "{{job_id}}"), low=0),
      graph("Duration of a step",
            "Half of the steps take less than p50, one in twenty more than p95.",
            "s",
            query(duration_at(0.5), "{{job_id}} p50"),
            query(duration_at(0.95), "{{job_id}} p95"), low=0),
      graph("Where a step goes",
            "Seconds of rank 0 by what it did, a second of the clock. Much of "
            "data is slow storage; of comm, a rank that the others wait for; "
            "of checkpoint, a disk that cannot keep up.", "percentunit",
            query("sum by (job_id, phase) "
                  f"(rate(lockstep_train_phase_seconds_total{{{OF}}}{RATE}))",
                  "{{job_id}} {{phase}}"), stacked=True, low=0),
      graph("Slow ranks",
            "How long a rank computes a step over the median of all ranks. From "
            "1.25 on it holds the others up, and the job has the event "
            "RANK_SLOW. Of a job of one rank there is none.", "none",
            query("max by (job_id, rank) "
                  f"(lockstep_rank_slowdown_ratio{{{OF}}})",
                  "{{job_id}} rank {{rank}}")),
      graph("Model FLOPs utilisation",
            "FLOPs a second that the model needs over the dense peak of the "
            "GPUs; nothing that is computed twice counts. Not known on CPUs.",
            "percentunit", curve("lockstep_train_mfu_ratio"), low=0, high=1),
      graph("FLOPs a second",
            "What the model needs, over all ranks, with all pauses.", "flops",
            query(f"sum by (job_id) (rate(lockstep_train_flops_total{{{OF}}}"
                  f"{RATE}))", "{{job_id}}"), low=0),
      graph("Steps and rows a second", "With all pauses.", "none",
            query(f"sum by (job_id) (rate(lockstep_train_steps_total{{{OF}}}"
                  f"{RATE}))", "{{job_id}} steps"),
            query(f"sum by (job_id) (rate(lockstep_train_samples_total{{{OF}}}"
                  f"{RATE}))", "{{job_id}} rows"), low=0),
      buckets("Spread of the durations",
              "Two bands are two kinds of steps: long and short rows, or a rank "
              "that is slow at times.", DURATION, OF),
      row("Life"),
      graph("Where the time went",
            "Each moment of the job is in one class. Much of lost wants shorter "
            "checkpoint.save_steps; idle and start are attempts that failed.",
            "s",
            query(f"max by (job_id, class) (lockstep_job_time_seconds{{{OF}}})",
                  "{{job_id}} {{class}}"), stacked=True),
      graph("Goodput",
            "Device time of steps that count over all device time held. Low for "
            "long, the alert LockstepGoodputLow fires.", "percentunit",
            curve("lockstep_train_goodput_ratio"), low=0, high=1),
      graph("Age of the newest checkpoint",
            "What a failure now would lose. It grows up to the time of "
            "checkpoint.save_steps steps.", "s",
            query("time() - " + newest(
                "lockstep_train_last_checkpoint_timestamp_seconds"),
                "{{job_id}}"), low=0),
      graph("Size of a checkpoint", "Of the newest one.", "bytes",
            curve("lockstep_checkpoint_bytes"), low=0),
      graph("Wait for a checkpoint",
            "How long training waits for one, p95; what is written while it "
            "goes on does not count.", "s",
            query(quantile_of(0.95, "lockstep_checkpoint_duration_seconds"),
                  "{{job_id}} p95"), low=0),
      graph("Since a rank was heard",
            "Twice the heartbeat interval and it counts as silent.", "s",
            query("time() - max by (job_id, rank) "
                  "(lockstep_worker_heartbeat_timestamp_seconds"
                  f"{{{OF}}})", "{{job_id}} rank {{rank}}"), low=0),
      states("State", "When the job was in which state. What ended leaves "
             "Prometheus after 15 minutes.",
             f"max by (job_id, state) (lockstep_job_state{{{OF}}}) > 0",
             "{{job_id}} {{state}}", width=24),
  ])
