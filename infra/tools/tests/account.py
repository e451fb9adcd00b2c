"""What there is in moto's account."""

import datetime
import json
import os
import time

from running import Moto

from contact_manager_infra.traffic import TARGETS, all_on

PARAMETER = "/contact-manager/dev/traffic"
LOCK = "/contact-manager/dev/switch"
ALIAS = "live"
BUCKET = "contact-manager-dev-objects"
TABLE = "contact-manager-dev-contacts"
IMAGE = "example.com/contact-manager@sha256:" + "0" * 64


class Account:
    """An environment's load balancer, bucket, functions and services, as the stand-in of Terraform makes them. It knows
    the live `target`, how many `tasks` a service has, and what is `published` of functions and `defined` of tasks."""

    # What a test looks at.

    def traffic(self):
        return json.loads(self.aws("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"])

    def lock(self):
        try:
            return json.loads(self.aws("ssm").get_parameter(Name=LOCK)["Parameter"]["Value"])
        except self.aws("ssm").exceptions.ParameterNotFound:
            return None

    def actions(self):
        found = {rule["RuleArn"]: rule for rule in self.aws("elbv2").describe_rules(RuleArns=self.rules)["Rules"]}
        return [found[rule]["Actions"] for rule in self.rules]

    def weights(self):
        """The weights of every rule."""
        targets = {arn: target for target, arn in self.groups.items()}
        return [
            {targets[group["TargetGroupArn"]]: group["Weight"] for group in actions[0]["ForwardConfig"]["TargetGroups"]}
            for actions in self.actions()
        ]

    def alias(self, function="contact-manager-dev-api"):
        found = self.aws("lambda").get_alias(FunctionName=function, Name=ALIAS)
        return found["FunctionVersion"], (found.get("RoutingConfig") or {}).get("AdditionalVersionWeights") or {}

    def images(self, target):
        """The images that the services of a side run."""
        cluster = f"contact-manager-dev-{target}"
        services = self.aws("ecs").describe_services(cluster=cluster, services=["api", "worker"])["services"]
        revisions = [service["deployments"][0]["taskDefinition"] for service in services]
        found = [self.aws("ecs").describe_task_definition(taskDefinition=each)["taskDefinition"] for each in revisions]
        return {each["containerDefinitions"][0]["image"] for each in found}

    # What CloudWatch would be told.

    def errors(self, target, count=1, minutes=0, since=None):
        self._metric("HTTPCode_Target_5XX_Count", count, self._dimensions(target), minutes, since=since)

    def balancer_errors(self, count=1, code=502):
        self._metric(f"HTTPCode_ELB_{code}_Count", count, self._dimensions(), 0)
        self._metric("HTTPCode_ELB_5XX_Count", count, self._dimensions(), 0)

    def requests(self, target, count, minutes):
        self._metric("RequestCount", count, self._dimensions(target), minutes)

    def function_errors(self, version, count=1):
        """What Lambda would report of a version: apart from the other one only while the alias names two."""
        alias = [
            {"Name": "FunctionName", "Value": "contact-manager-dev-api"},
            {"Name": "Resource", "Value": "contact-manager-dev-api:live"},
        ]
        self._metric("Errors", count, alias, 0, "AWS/Lambda")
        if self.alias()[1]:
            self._metric("Errors", count, [*alias, {"Name": "ExecutedVersion", "Value": version}], 0, "AWS/Lambda")

    def aws(self, name):
        """A client for the tests."""
        return (Moto.own if os.getpid() == Moto.pid else Moto.befores)[name]

    def _make(self):
        elb = self.aws("elbv2")
        subnets = [subnet["SubnetId"] for subnet in self.aws("ec2").describe_subnets()["Subnets"][:2]]
        vpc = self.aws("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]
        (balancer,) = elb.create_load_balancer(Name="contact-manager-dev", Subnets=subnets)["LoadBalancers"]
        self.balancer = balancer["LoadBalancerArn"]
        self.groups = {}
        for target in TARGETS:
            kind = (
                {"TargetType": "lambda"}
                if target == "lambda"
                else {"TargetType": "ip", "Protocol": "HTTP", "Port": 8080, "VpcId": vpc}
            )
            self.groups[target] = elb.create_target_group(Name=f"dev-{target}", **kind)["TargetGroups"][0][
                "TargetGroupArn"
            ]
        self.listener = elb.create_listener(
            LoadBalancerArn=self.balancer,
            Protocol="HTTP",
            Port=80,
            DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
        )["Listeners"][0]["ListenerArn"]
        self.rules = [
            elb.create_rule(
                ListenerArn=self.listener,
                Priority=1050 + index,
                Conditions=[{"Field": "path-pattern", "PathPatternConfig": {"Values": patterns}}],
                Actions=[
                    {
                        "Type": "forward",
                        "ForwardConfig": {
                            "TargetGroups": [
                                {"TargetGroupArn": arn, "Weight": all_on(self.target)[target]}
                                for target, arn in self.groups.items()
                            ],
                            "TargetGroupStickinessConfig": {"Enabled": False},
                        },
                    }
                ],
            )["Rules"][0]["RuleArn"]
            for index, patterns in enumerate((["/v1/*", "/health", "/ready"], ["/docs"]))
        ]
        self.aws("s3").create_bucket(Bucket=BUCKET)
        self.aws("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        self.role = self.aws("iam").create_role(RoleName="dev", AssumeRolePolicyDocument="{}")["Role"]["Arn"]

    def _build(self, target):
        elb = self.aws("elbv2")
        if target == "lambda":
            for name in ("api", "worker"):
                function = self.aws("lambda").create_function(
                    FunctionName=f"contact-manager-dev-{name}",
                    Runtime="provided.al2023",
                    Handler="bootstrap",
                    Role=self.role,
                    Code={"ZipFile": self._given()[name].read_bytes()},
                    Publish=True,
                )
                alias = self.aws("lambda").create_alias(
                    FunctionName=function["FunctionName"], Name=ALIAS, FunctionVersion=function["Version"]
                )
                if name == "api":
                    elb.register_targets(TargetGroupArn=self.groups[target], Targets=[{"Id": alias["AliasArn"]}])
            self.published = self.zips
            return
        cluster = f"contact-manager-dev-{target}"
        self.aws("ecs").create_cluster(clusterName=cluster)
        for name in ("api", "worker"):
            self.owned[target, name] = self.define(target, name)
            self.aws("ecs").create_service(
                cluster=cluster, serviceName=name, taskDefinition=self.owned[target, name], desiredCount=self.tasks
            )
        elb.register_targets(TargetGroupArn=self.groups[target], Targets=[{"Id": "10.0.0.10", "Port": 8080}])

    def define(self, target, name):
        """A new revision of a task definition, with the image that is given now."""
        return self.aws("ecs").register_task_definition(
            family=f"contact-manager-dev-{target}-{name}",
            containerDefinitions=[{"name": name, "image": self.defined, "memory": 256}],
        )["taskDefinition"]["taskDefinitionArn"]

    def _replace(self, target):
        """Gives services a new revision, and takes the old one away as Terraform does."""
        ecs, cluster = self.aws("ecs"), f"contact-manager-dev-{target}"
        for service in ecs.describe_services(cluster=cluster, services=["api", "worker"])["services"]:
            name = service["serviceName"]
            new = self.define(target, name)
            if name == self.given_up:
                self.go_back(target, name)
            else:
                ecs.update_service(cluster=cluster, service=name, taskDefinition=new)
            ecs.deregister_task_definition(taskDefinition=self.owned[target, name])
            self.owned[target, name] = new

    def go_back(self, target, name):
        """ECS gives up a deployment, and another one brings back what ran before."""
        cluster = f"contact-manager-dev-{target}"
        self.aws("ecs").update_service(cluster=cluster, service=name, forceNewDeployment=True)

    def _remove(self, target):
        if target == "lambda":
            for name in ("api", "worker"):
                self.aws("lambda").delete_function(FunctionName=f"contact-manager-dev-{name}")
        else:
            for name in ("api", "worker"):
                self.aws("ecs").delete_service(cluster=f"contact-manager-dev-{target}", service=name, force=True)
        described = self.aws("elbv2").describe_target_health(TargetGroupArn=self.groups[target])
        for each in described["TargetHealthDescriptions"]:
            self.aws("elbv2").deregister_targets(
                TargetGroupArn=self.groups[target], Targets=[{"Id": each["Target"]["Id"]}]
            )

    def _publish(self):
        if self.published != self.zips:
            for name, file in self._given().items():
                self.aws("lambda").update_function_code(
                    FunctionName=f"contact-manager-dev-{name}", ZipFile=file.read_bytes(), Publish=True
                )
            self.published = self.zips

    def _dimensions(self, target=None):
        group = [{"Name": "TargetGroup", "Value": self.groups[target].rpartition(":")[2]}] if target else []
        return [*group, {"Name": "LoadBalancer", "Value": self.balancer.partition(":loadbalancer/")[2]}]

    def _metric(self, name, value, dimensions, minutes, namespace="AWS/ApplicationELB", since=None):
        moment = datetime.datetime.fromtimestamp(since or time.time(), datetime.UTC)
        moment += datetime.timedelta(minutes=minutes)
        data = {"MetricName": name, "Value": value, "Dimensions": dimensions, "Timestamp": moment, "Unit": "Count"}
        self.aws("cloudwatch").put_metric_data(Namespace=namespace, MetricData=[data])
