"""FOCUS's category of AWS's services, by service code; what is not here is Other."""

AI = "AI and Machine Learning"
_CATEGORIES: dict[str, tuple[str, ...]] = {
    AI: (
        "AmazonSageMaker", "AmazonQ", "AmazonQDeveloper", "AmazonKiro", "Kiro", "AmazonComprehend",
        "AmazonRekognition", "AmazonTextract", "AmazonTranscribe", "transcribe", "AmazonTranslate", "AmazonPolly",
        "AmazonLex", "AmazonKendra", "AmazonPersonalize", "AmazonForecast", "AmazonBedrockAgentCore",
    ),
    "Analytics": ("AmazonAthena", "AWSGlue", "AmazonRedshift", "AmazonQuickSight", "AmazonKinesis", "AmazonMSK", "AmazonES"),
    "Compute": ("AmazonEC2", "AWSLambda", "AmazonEKS", "AmazonECS", "AmazonECR", "AmazonLightsail", "AWSAppRunner"),
    "Databases": ("AmazonRDS", "AmazonDynamoDB", "AmazonElastiCache", "AmazonDocDB", "AmazonNeptune", "AmazonMemoryDB"),
    "Integration": ("AWSQueueService", "AmazonSNS", "AWSEvents", "AmazonStates", "AmazonApiGateway"),
    "Management and Governance": (
        "AmazonCloudWatch", "AWSCloudTrail", "AWSConfig", "AWSCostExplorer", "AWSSystemsManager", "AWSCloudFormation",
    ),
    "Networking": (
        "AWSDataTransfer", "AmazonVPC", "AmazonCloudFront", "AmazonRoute53", "AWSELB", "AWSDirectConnect",
    ),
    "Security": ("awskms", "AWSSecretsManager", "AmazonGuardDuty", "awswaf", "AWSSecurityHub", "AmazonInspectorV2"),
    "Storage": ("AmazonS3", "AmazonEFS", "AmazonFSx", "AmazonGlacier", "AWSBackup", "AmazonS3GlacierDeepArchive"),
}  # fmt: skip
_BY_CODE = {code: category for category, codes in _CATEGORIES.items() for code in codes}


def category_of_service(*codes: str) -> str:
    """Of the first code that is known."""
    return next((_BY_CODE[code] for code in codes if code in _BY_CODE), "Other")
