// --tune: choose-kernels by the clock of this machine instead of by predictions.
//
// The model is compiled in memory again and again, each time with the next option of every node, and each layer is
// timed where it runs, between its neighbours. A node keeps the option that is predicted to be the best unless another
// one is faster by more than what times vary. What was chosen is in the IR like any choice: a .sqz of it compiles to
// the same object.
#include <string.h>

#include "codegen/kernel.h"
#include "driver/bench.h"
#include "driver/driver.h"
#include "ir/print.h"
#include "ir/print_parts.h"
#include "support/str.h"

enum { PASSES = 12 };
static const double EFFORT = 0.2;  // seconds for each trial
static const double GAIN = 0.97;  // of the time so far that a better option takes at most

typedef struct Tuning {
    Session *session;
    const char *path;
    const OnnxOptions *more;
    int *best;        // option of each decision
    double *seconds;  // its time
    int n;            // decisions
    int rounds;
} Tuning;

static bool is_for_here(Session *session) {
    const Options *o = session->options;
    if (o->target || o->mattr || (o->mcpu && strcmp(o->mcpu, "native")))
        return diag_error(
            &session->diag, NULL, E_USAGE,
            "--tune times kernels on this machine: leave out --target and --mattr; --mcpu can be native only");
    return true;
}

static Options options_of_trial(const Options *options) {
    Options trial = *options;
    trial.tune = trial.time_report = trial.memory_report = trial.verify_each = false;
    trial.print_after = trial.stop_after = NULL;
    return trial;
}

static double seconds_of(const LayerTimes *times, const Node *node) {
    for (int i = 0; i < times->n; i++)
        if (times->node[i] == node)
            return times->seconds[i];
    return 0;
}

// With -v: an option, what was predicted and what it took.
static void say(const Tuning *tuning, const Node *node, double seconds, const Target *target) {
    Str text = {.arena = tuning->session->arena};
    print_kernel(&text, node);
    fprintf(stderr, "%9.4f ms predicted %9.4f ms measured %s:%s\n", 1e3 * kernel_seconds(node, target), 1e3 * seconds,
            node->loc && node->loc->node ? node->loc->node : node->out[0]->name, text.text);
}

// Notes what the round's options took; the first round says how many decisions and rounds there are.
static void note(Tuning *tuning, const Session *trial, const LayerTimes *times, int round) {
    const Decisions *decisions = &trial->decisions;
    if (round == 0) {
        tuning->n = decisions->n;
        tuning->best = ARENA_ARRAY(tuning->session->arena, int, decisions->n + 1);
        tuning->seconds = ARENA_ARRAY(tuning->session->arena, double, decisions->n + 1);
    }
    for (int i = 0; i < decisions->n && i < tuning->n; i++) {
        const Decision *decision = &decisions->item[i];
        double seconds = seconds_of(times, decision->node);
        tuning->rounds = decision->options > tuning->rounds ? decision->options : tuning->rounds;
        if (tuning->session->options->verbose && decision->taken == round)
            say(tuning, decision->node, seconds, &trial->target);
        bool better = decision->taken == round && seconds > 0 && seconds < GAIN * tuning->seconds[i];
        if (round == 0 || better) {
            tuning->best[i] = decision->taken;
            tuning->seconds[i] = seconds;
        }
    }
}

static bool trial(Tuning *tuning, int round) {
    Options options = options_of_trial(tuning->session->options);
    Session session;
    session_begin(&session, &options, tuning->session->diag.out);
    int *wanted = ARENA_ARRAY(session.arena, int, tuning->n + 1);
    for (int i = 0; i < tuning->n; i++)
        wanted[i] = round;
    session.decisions = (Decisions){.wanted = wanted, .nwanted = tuning->n};
    LayerTimes times = {0};
    bool ok = session_load(&session, tuning->path, tuning->more) && session_run_passes(&session);
    if (ok && session.decisions.n)
        ok = layer_times(&session, PASSES, EFFORT, &times);
    if (ok)
        note(tuning, &session, &times, round);
    tuning->session->diag.errors += session.diag.errors;
    tuning->session->diag.last = session.diag.last;
    session_end(&session);
    return ok;
}

bool session_tune(Session *session, const char *path, const OnnxOptions *more) {
    Tuning tuning = {.session = session, .path = path, .more = more, .rounds = 1};
    if (!is_for_here(session))
        return false;
    for (int round = 0; round < tuning.rounds; round++)
        if (!trial(&tuning, round))
            return false;
    int changed = 0;
    for (int i = 0; i < tuning.n; i++)
        changed += tuning.best[i] != 0;
    if (session->options->verbose)
        fprintf(stderr, "tuned: %d trials, %d of %d nodes otherwise than predicted\n", tuning.rounds, changed,
                tuning.n);
    session->decisions = (Decisions){.wanted = tuning.best, .nwanted = tuning.n};
    return true;
}
