"""Where the traffic goes: what the parameter says, which every plan reads, and what the listener rules do.

The parameter is JSON: `live`, `weights` and `standby` decide what Terraform builds and which weights it
gives the rules; `desired` is how many tasks the sides of a switch have at least; `switch`, present while one
is unfinished, is all that it takes to go on with it: `from`, `to`, `step`, `since`, `desired` once more, and why
it goes back.
"""

import copy
import dataclasses
import json

from .outcome import Failed

TARGETS = ("lambda", "fargate", "ec2")
RULES_PER_CALL = 20
STEPS = ("prepare", "weights", "standby", "remove", "back")


def all_on(target):
    return {each: 100 if each == target else 0 for each in TARGETS}


@dataclasses.dataclass
class Traffic:
    live: str
    weights: dict
    standby: list
    desired: dict
    switch: dict | None = None

    @classmethod
    def parse(cls, text):
        try:
            value = json.loads(text)
            traffic = cls(
                live=value["live"],
                weights={target: int(value["weights"].get(target, 0)) for target in TARGETS},
                standby=list(value.get("standby", [])),
                desired=dict(value.get("desired", {})),
                switch=value.get("switch"),
            )
            named = {traffic.live, *traffic.standby}
            if traffic.switch:
                named |= {traffic.switch["from"], traffic.switch["to"]}
                if traffic.switch["step"] not in STEPS:
                    raise ValueError(f"unknown step {traffic.switch['step']}")
                traffic.switch["since"] += 0
            if not named <= set(TARGETS):
                raise ValueError(f"unknown target among {', '.join(sorted(named))}")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Failed(f"the traffic parameter holds what no switch writes ({error!r}): {text[:300]}") from None
        return traffic

    def text(self):
        value = dataclasses.asdict(self)
        if self.switch is None:
            del value["switch"]
        return json.dumps(value, sort_keys=True)


class TrafficParameter:
    def __init__(self, ssm, name):
        self.ssm, self.name = ssm, name

    def find(self):
        """What it holds, or None if it is not there."""
        try:
            return Traffic.parse(self.ssm.get_parameter(Name=self.name)["Parameter"]["Value"])
        except self.ssm.exceptions.ParameterNotFound:
            return None

    def read(self):
        if traffic := self.find():
            return traffic
        # An apply would write the wish there, and take the side away that has the traffic.
        raise Failed(
            f"the parameter {self.name}, which says where the traffic goes, is missing: see docs/RUNBOOKS/stuck-switch.md"
        )

    def write(self, traffic):
        self.ssm.put_parameter(Name=self.name, Value=traffic.text(), Overwrite=True)


class Rules:
    """The weighted rules of the listener."""

    def __init__(self, elb, rule_arns, target_of_group):
        self.elb, self.rule_arns, self.target_of_group = elb, rule_arns, target_of_group

    def give(self, weights):
        """Sets the weights in every rule that has others, and leaves the rest of its actions as it is."""
        for start in range(0, len(self.rule_arns), RULES_PER_CALL):
            arns = self.rule_arns[start : start + RULES_PER_CALL]
            for rule in self.elb.describe_rules(RuleArns=arns)["Rules"]:
                actions = copy.deepcopy(rule["Actions"])
                for action in actions:
                    for group in action.get("ForwardConfig", {}).get("TargetGroups", []):
                        if group["TargetGroupArn"] in self.target_of_group:
                            group["Weight"] = weights[self.target_of_group[group["TargetGroupArn"]]]
                if actions != rule["Actions"]:
                    self.elb.modify_rule(RuleArn=rule["RuleArn"], Actions=actions)
