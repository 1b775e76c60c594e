"""How one job, or some side by side, trains. Prometheus has a sample of the
curves; all points are in `lockstep metrics NAME`, TensorBoard and `lockstep report
NAME`."""

from panels import (RATE, board, buckets, chosen, graph, number, query, row,
                    states)

OF = 'instance=~"$instance", job_id=~"$job_id"'
DURATION = "lockstep_train_step_duration_seconds"


def newest(metric):
  return f"max by (job_id) ({metric}{{{OF}}})"


def curve(metric, what=""):
  return query(newest(metric), ("{{job_id}} " + what).strip())


def duration_at(quantile):
  return (f"histogram_quantile({quantile}, sum by (job_id, le) "
          f"(rate({DURATION}_bucket{{{OF}}}{RATE})))")


def dashboard():
  return board("lockstep-job", "Lockstep / Job", __doc__,
               [chosen("job_id", "Job", "lockstep_job_state")], [
      row("Now"),
      number("State", "Where the job is in its life.", "none",
             f"lockstep_job_state{{{OF}}} == 1", "{{job_id}} {{state}}",
             name_only=True),
      number("Step", "Optimizer steps done.", "none",
             newest("lockstep_train_step"), "{{job_id}}", width=3),
      number("Epochs", "Passes over the data.", "none",
             newest("lockstep_train_epochs"), "{{job_id}}", width=3),
      number("Loss", "Mean loss a trained token, of the newest step.", "none",
             newest("lockstep_train_loss"), "{{job_id}}", width=3),
      number("Evaluation loss", "Of the newest evaluation.", "none",
             newest("lockstep_eval_loss"), "{{job_id}}", width=3),
      number("Tokens a second", "Input tokens over all ranks, without padding.",
             "locale", newest("lockstep_train_tokens_per_second"),
             "{{job_id}}"),
      number("Since the last step",
             "From five minutes on the alert LockstepTrainingStalled fires.",
             "s", "time() - "
             + newest("lockstep_train_last_step_timestamp_seconds"),
             "{{job_id}}", bad_from=300),
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
      states("State", "When the job was in which state. What ended leaves "
             "Prometheus after 15 minutes.",
             f"max by (job_id, state) (lockstep_job_state{{{OF}}}) > 0",
             "{{job_id}} {{state}}", width=24),
  ])
