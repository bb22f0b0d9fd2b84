"""Rollouts with a policy that is put once and used by all. In the shape of upstream's example."""

import numpy as np

from flamepy import FlameError
from flamepy.runner import Runner, SessionContext


def rollout(policy, seed):
    rng = np.random.default_rng(seed)
    state, reward = rng.random(3), 0.0
    for _ in range(10):
        action = float(np.tanh(state @ policy["weights"]))
        reward += 1 - abs(action)
        state = rng.random(3)
    return {"reward": reward, "seed": seed}


rollout._session_context = SessionContext(session_id="rollouts-1", application_name="rollouts")


def best(*results):
    return max(results, key=lambda result: result["reward"])["seed"]


if __name__ == "__main__":
    runner = Runner("rollouts", dependencies=["numpy"])
    run = runner.service(rollout, autoscale=False, warmup=2)
    choose = runner.service(best)
    policy = runner.put_object({"weights": np.array([0.1, 0.2, 0.3])})
    futures = [run(policy, seed) for seed in range(6)]
    runner.wait(futures)
    assert sorted(future.get()["seed"] for future in runner.select(futures)) == list(range(6))
    rewards = [result["reward"] for result in runner.get(futures)]
    assert choose(*futures).get() == int(np.argmax(rewards))
    refs = runner.ref(futures[:2])
    assert choose(*refs).get() in (0, 1)
    assert refs[0].key.count("/") == 2
    said = ""
    try:
        run({}, 1).get()
    except FlameError as error:
        said = str(error)
    assert "weights" in said, said
    run.close()
    runner.close()
    print("done")
