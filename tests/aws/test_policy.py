"""docs/deploy-policy.json lets whoever deploys do what is needed for it. (`make test-aws` compares it with what sam,
`vantage doctor` and `make smoke` really asked a stand-in for: tests/aws/test_deploy.py.)"""

from tests.aws.policy import asked_by_cloudformation, is_allowed
from tests.aws.templates import transformed

# What the schemas list for what no resource of ours has.
OF_NO_USE_HERE = {
    "iam:AttachGroupPolicy", "iam:AttachUserPolicy", "iam:DetachGroupPolicy", "iam:DetachUserPolicy",  # roles alone
    "iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary",
    "elasticfilesystem:DescribeMountTargets", "s3files:ListMountTargets",  # no file systems
    "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey",  # AWS's own keys
    "lambda:GetCodeSigningConfig", "lambda:AssociateRuntimeAlias", "lambda:PassCapacityProvider",
    "firehose:TagDeliveryStream", "logs:CreateLogDelivery", "logs:PutResourcePolicy", "logs:DeleteResourcePolicy",
    "logs:DescribeResourcePolicies", "s3:REST.PUT.OBJECT",  # logs go nowhere else
    "billing:GetBillingViewData",  # of views of other accounts
}  # fmt: skip


def test_who_deploys_may_do_what_cloudformation_does_in_its_name() -> None:
    """For each type of resource in the template, what AWS's schema of it lists. (Red with the policy as it was: no
    iam:ListRolePolicies, iam:ListEntitiesForPolicy and their like, which CloudFormation reads a role with.)"""
    asked = asked_by_cloudformation({each["Type"] for each in transformed()["Resources"].values()})
    assert sorted(action for action in asked - OF_NO_USE_HERE if not is_allowed(action)) == []
    assert sorted(OF_NO_USE_HERE - asked) == []
