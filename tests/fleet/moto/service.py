"""A service of tasks in moto (PyPI, server mode): service.py URL prepare | run N | stop ID | desired N.

Prints the ids of the tasks that run, a line each. moto starts no tasks for a service by itself, and knows neither
protection nor health checks.
"""

import json
import sys
import urllib.request

import boto3

url, verb, *rest = sys.argv[1:]
access = dict(
    endpoint_url=url, region_name="eu-central-1", aws_access_key_id="test", aws_secret_access_key="test"
)
ecs, ec2, s3 = (boto3.client(name, **access) for name in ("ecs", "ec2", "s3"))


def prepare():
    # Tasks stay as they are; by default each look at one would take it further towards its end.
    stay = {"model_name": "ecs::task", "transition": {"progression": "manual", "times": 1_000_000}}
    urllib.request.urlopen(f"{url}/moto-api/state-manager/set-transition", json.dumps(stay).encode())
    s3.create_bucket(Bucket="fleet", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    ecs.create_cluster(clusterName="main")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24", AvailabilityZone="eu-central-1a")
    containers = [{"name": "freeswitch", "image": "switch", "memory": 512}]
    ecs.register_task_definition(family="switch", networkMode="awsvpc", containerDefinitions=containers)
    ecs.create_service(cluster="main", serviceName="switch", taskDefinition="switch", desiredCount=2)


def run(count):
    subnets = ec2.describe_subnets(Filters=[{"Name": "cidr-block", "Values": ["10.9.1.0/24"]}])["Subnets"]
    network = {"subnets": [subnets[0]["SubnetId"]], "securityGroups": []}
    ecs.run_task(
        cluster="main",
        taskDefinition="switch",
        count=int(count),
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": network},
    )


def stop(task):
    ecs.stop_task(cluster="main", task=task)


def desired(count):
    ecs.update_service(cluster="main", service="switch", desiredCount=int(count))


{"prepare": prepare, "run": run, "stop": stop, "desired": desired}[verb](*rest)
for arn in ecs.list_tasks(cluster="main", desiredStatus="RUNNING")["taskArns"]:
    print(arn.rsplit("/", 1)[1])
