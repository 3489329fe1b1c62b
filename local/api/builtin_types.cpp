#include "local/api/builtin_types.h"

namespace clops::local {

// Names and types are Kubernetes 1.34's API, made once from a real server's OpenAPI document and its Go
// types; tests/contract/types_test.cpp compares them with the former. The notation is explained in builtin_types.h. In
// two parts because compilers limit the length of a literal.
std::string_view builtin_types_text(int part) {
  static constexpr std::string_view kFirst = R"types(
apps/ControllerRevision: apiVersion?=s, data=any, kind?=s, metadata:=@meta/ObjectMeta, revision!=i
apps/Deployment: apiVersion?=s, kind?=s, metadata:=@meta/ObjectMeta, spec:=@apps/DeploymentSpec,
  status:=@apps/DeploymentStatus
apps/DeploymentCondition: lastTransitionTime:=t, lastUpdateTime:=t, message?=s, reason?=s, status!=s, type!=s
apps/DeploymentSpec: minReadySeconds?=i32, paused?=b, progressDeadlineSeconds=i32, replicas=i32,
  revisionHistoryLimit=i32, selector!=@meta/LabelSelector, strategy:=@apps/DeploymentStrategy~~retainKeys,
  template!:=@core/PodTemplateSpec
apps/DeploymentStatus: availableReplicas?=i32, collisionCount=i32,
  conditions?=[@apps/DeploymentCondition]map(type)~type, observedGeneration?=i, readyReplicas?=i32, replicas?=i32,
  terminatingReplicas=i32, unavailableReplicas?=i32, updatedReplicas?=i32
apps/DeploymentStrategy: rollingUpdate=@apps/RollingUpdateDeployment, type?=s
apps/ReplicaSet: apiVersion?=s, kind?=s, metadata:=@meta/ObjectMeta, spec:=@apps/ReplicaSetSpec,
  status:=@apps/ReplicaSetStatus
apps/ReplicaSetCondition: lastTransitionTime:=t, message?=s, reason?=s, status!=s, type!=s
apps/ReplicaSetSpec: minReadySeconds?=i32, replicas=i32, selector!=@meta/LabelSelector,
  template:=@core/PodTemplateSpec
apps/ReplicaSetStatus: availableReplicas?=i32, conditions?=[@apps/ReplicaSetCondition]map(type)~type,
  fullyLabeledReplicas?=i32, observedGeneration?=i, readyReplicas?=i32, replicas!=i32, terminatingReplicas=i32
apps/RollingUpdateDeployment: maxSurge=is, maxUnavailable=is
autoscaling/Scale: apiVersion?=s, kind?=s, metadata:=@meta/ObjectMeta, spec:=@autoscaling/ScaleSpec,
  status:=@autoscaling/ScaleStatus
autoscaling/ScaleSpec: replicas?=i32
autoscaling/ScaleStatus: replicas!=i32, selector?=s
batch/Job: apiVersion?=s, kind?=s, metadata:=@meta/ObjectMeta, spec:=@batch/JobSpec, status:=@batch/JobStatus
batch/JobCondition: lastProbeTime:=t, lastTransitionTime:=t, message?=s, reason?=s, status!=s, type!=s
batch/JobSpec: activeDeadlineSeconds=i, backoffLimit=i32, backoffLimitPerIndex=i32, completionMode=s, completions=i32,
  managedBy=s, manualSelector=b, maxFailedIndexes=i32, parallelism=i32, podFailurePolicy=@batch/PodFailurePolicy,
  podReplacementPolicy=s, selector=@meta/LabelSelector, successPolicy=@batch/SuccessPolicy, suspend=b,
  template!:=@core/PodTemplateSpec, ttlSecondsAfterFinished=i32
batch/JobStatus: active?=i32, completedIndexes?=s, completionTime=t, conditions?=[@batch/JobCondition]~type,
  failed?=i32, failedIndexes=s, ready=i32, startTime=t, succeeded?=i32, terminating=i32,
  uncountedTerminatedPods=@batch/UncountedTerminatedPods
batch/PodFailurePolicy: rules!:=[@batch/PodFailurePolicyRule]
batch/PodFailurePolicyOnExitCodesRequirement: containerName=s, operator!=s, values!:=[i32]set
batch/PodFailurePolicyOnPodConditionsPattern: status!=s, type!=s
batch/PodFailurePolicyRule: action!=s, onExitCodes=@batch/PodFailurePolicyOnExitCodesRequirement,
  onPodConditions?=[@batch/PodFailurePolicyOnPodConditionsPattern]
batch/SuccessPolicy: rules!:=[@batch/SuccessPolicyRule]
batch/SuccessPolicyRule: succeededCount=i32, succeededIndexes=s
batch/UncountedTerminatedPods: failed?=[s]set, succeeded?=[s]set
coordination/Lease: apiVersion?=s, kind?=s, metadata:=@meta/ObjectMeta, spec:=@coordination/LeaseSpec
coordination/LeaseSpec: acquireTime=mt, holderIdentity=s, leaseDurationSeconds=i32, leaseTransitions=i32,
  preferredHolder=s, renewTime=mt, strategy=s
core/AWSElasticBlockStoreVolumeSource: fsType?=s, partition?=i32, readOnly?=b, volumeID!=s
core/Affinity: nodeAffinity=@core/NodeAffinity, podAffinity=@core/PodAffinity, podAntiAffinity=@core/PodAntiAffinity
core/AppArmorProfile: localhostProfile=s, type!=s
core/AttachedVolume: devicePath!=s, name!=s
core/AzureDiskVolumeSource: cachingMode=s|"ReadWrite", diskName!=s, diskURI!=s, fsType=s|"ext4", kind=s|"Shared",
  readOnly=b
core/AzureFileVolumeSource: readOnly?=b, secretName!=s, shareName!=s
core/CSIVolumeSource: driver!=s, fsType=s, nodePublishSecretRef=@core/LocalObjectReference, readOnly=b,
  volumeAttributes?={s}
core/Capabilities: add?=[s], drop?=[s]
core/CephFSVolumeSource: monitors!:=[s], path?=s, readOnly?=b, secretFile?=s, secretRef=@core/LocalObjectReference,
  user?=s
core/CinderVolumeSource: fsType?=s, readOnly?=b, secretRef=@core/LocalObjectReference, volumeID!=s
core/ClientIPConfig: timeoutSeconds=i32
core/ClusterTrustBundleProjection: labelSelector=@meta/LabelSelector, name=s, optional=b, path!=s, signerName=s
core/ConfigMap: apiVersion?=s, binaryData?={by}, data?={s}, immutable=b, kind?=s, metadata:=@meta/ObjectMeta
core/ConfigMapEnvSource: name?=s, optional=b
core/ConfigMapKeySelector*: key!=s, name?=s, optional=b
core/ConfigMapNodeConfigSource: kubeletConfigKey!=s, name!=s, namespace!=s, resourceVersion?=s, uid=s
core/ConfigMapProjection: items?=[@core/KeyToPath], name?=s, optional=b
core/ConfigMapVolumeSource: defaultMode=i32, items?=[@core/KeyToPath], name?=s, optional=b
core/Container: args?=[s], command?=[s], env?=[@core/EnvVar]map(name)~name, envFrom?=[@core/EnvFromSource], image?=s,
  imagePullPolicy?=s, lifecycle=@core/Lifecycle, livenessProbe=@core/Probe, name!=s,
  ports?=[@core/ContainerPort]map(containerPort protocol)~containerPort, readinessProbe=@core/Probe,
  resizePolicy?=[@core/ContainerResizePolicy], resources:=@core/ResourceRequirements, restartPolicy=s,
  restartPolicyRules?=[@core/ContainerRestartRule], securityContext=@core/SecurityContext, startupProbe=@core/Probe,
  stdin?=b, stdinOnce?=b, terminationMessagePath?=s, terminationMessagePolicy?=s, tty?=b,
  volumeDevices?=[@core/VolumeDevice]map(devicePath)~devicePath,
  volumeMounts?=[@core/VolumeMount]map(mountPath)~mountPath, workingDir?=s
core/ContainerExtendedResourceRequest: containerName!=s, requestName!=s, resourceName!=s
core/ContainerImage: names:=[s], sizeBytes?=i
core/ContainerPort: containerPort!=i32, hostIP?=s, hostPort?=i32, name?=s, protocol?=s|"TCP"
core/ContainerResizePolicy: resourceName!=s, restartPolicy!=s
core/ContainerRestartRule: action!?=s, exitCodes=@core/ContainerRestartRuleOnExitCodes
core/ContainerRestartRuleOnExitCodes: operator!?=s, values?=[i32]set
core/ContainerState: running=@core/ContainerStateRunning, terminated=@core/ContainerStateTerminated,
  waiting=@core/ContainerStateWaiting
core/ContainerStateRunning: startedAt:=t
core/ContainerStateTerminated: containerID?=s, exitCode!=i32, finishedAt:=t, message?=s, reason?=s, signal?=i32,
  startedAt:=t
core/ContainerStateWaiting: message?=s, reason?=s
core/ContainerStatus: allocatedResources?={q}, allocatedResourcesStatus?=[@core/ResourceStatus]map(name)~name,
  containerID?=s, image!=s, imageID!=s, lastState:=@core/ContainerState, name!=s, ready!=b,
  resources=@core/ResourceRequirements, restartCount!=i32, started=b, state:=@core/ContainerState, stopSignal=s,
  user=@core/ContainerUser, volumeMounts?=[@core/VolumeMountStatus]map(mountPath)~mountPath
core/ContainerUser: linux=@core/LinuxContainerUser
core/DaemonEndpoint: Port!=i32
core/DownwardAPIProjection: items?=[@core/DownwardAPIVolumeFile]
core/DownwardAPIVolumeFile: fieldRef=@core/ObjectFieldSelector, mode=i32, path!=s,
  resourceFieldRef=@core/ResourceFieldSelector
core/DownwardAPIVolumeSource: defaultMode=i32, items?=[@core/DownwardAPIVolumeFile]
core/EmptyDirVolumeSource: medium?=s, sizeLimit=q
core/EndpointAddress*: hostname?=s, ip!=s, nodeName=s, targetRef=@core/ObjectReference
core/EndpointPort*: appProtocol=s, name?=s, port!=i32, protocol?=s
core/EndpointSubset: addresses?=[@core/EndpointAddress], notReadyAddresses?=[@core/EndpointAddress],
  ports?=[@core/EndpointPort]
core/Endpoints: apiVersion?=s, kind?=s, metadata:=@meta/ObjectMeta, subsets?=[@core/EndpointSubset]
core/EnvFromSource: configMapRef=@core/ConfigMapEnvSource, prefix?=s, secretRef=@core/SecretEnvSource
core/EnvVar: name!=s, value?=s, valueFrom=@core/EnvVarSource
core/EnvVarSource: configMapKeyRef=@core/ConfigMapKeySelector, fieldRef=@core/ObjectFieldSelector,
  fileKeyRef=@core/FileKeySelector, resourceFieldRef=@core/ResourceFieldSelector, secretKeyRef=@core/SecretKeySelector
core/EphemeralContainer: args?=[s], command?=[s], env?=[@core/EnvVar]map(name)~name, envFrom?=[@core/EnvFromSource],
  image?=s, imagePullPolicy?=s, lifecycle=@core/Lifecycle, livenessProbe=@core/Probe, name!=s,
  ports?=[@core/ContainerPort]map(containerPort protocol)~containerPort, readinessProbe=@core/Probe,
  resizePolicy?=[@core/ContainerResizePolicy], resources:=@core/ResourceRequirements, restartPolicy=s,
  restartPolicyRules?=[@core/ContainerRestartRule], securityContext=@core/SecurityContext, startupProbe=@core/Probe,
  stdin?=b, stdinOnce?=b, targetContainerName?=s, terminationMessagePath?=s, terminationMessagePolicy?=s, tty?=b,
  volumeDevices?=[@core/VolumeDevice]map(devicePath)~devicePath,
  volumeMounts?=[@core/VolumeMount]map(mountPath)~mountPath, workingDir?=s
core/EphemeralVolumeSource: volumeClaimTemplate=@core/PersistentVolumeClaimTemplate
core/Event: action?=s, apiVersion?=s, count?=i32, eventTime:=mt, firstTimestamp:=t,
  involvedObject!:=@core/ObjectReference, kind?=s, lastTimestamp:=t, message?=s, metadata!:=@meta/ObjectMeta,
  reason?=s, related=@core/ObjectReference, reportingComponent=s, reportingInstance=s, series=@core/EventSeries,
  source:=@core/EventSource, type?=s
core/EventSeries: count?=i32, lastObservedTime:=mt
core/EventSource: component?=s, host?=s
core/ExecAction: command?=[s]
core/FCVolumeSource: fsType?=s, lun=i32, readOnly?=b, targetWWNs?=[s], wwids?=[s]
core/FileKeySelector*: key!=s, optional=b, path!=s, volumeName!=s
core/FlexVolumeSource: driver!=s, fsType?=s, options?={s}, readOnly?=b, secretRef=@core/LocalObjectReference
core/FlockerVolumeSource: datasetName?=s, datasetUUID?=s
core/GCEPersistentDiskVolumeSource: fsType?=s, partition?=i32, pdName!=s, readOnly?=b
core/GRPCAction: port!=i32, service=s
core/GitRepoVolumeSource: directory?=s, repository!=s, revision?=s
core/GlusterfsVolumeSource: endpoints!=s, path!=s, readOnly?=b
core/HTTPGetAction: host?=s, httpHeaders?=[@core/HTTPHeader], path?=s, port!=is, scheme?=s
core/HTTPHeader: name!=s, value!=s
core/HostAlias: hostnames?=[s], ip!=s
core/HostIP: ip!=s
core/HostPathVolumeSource: path!=s, type=s
core/ISCSIVolumeSource: chapAuthDiscovery?=b, chapAuthSession?=b, fsType?=s, initiatorName=s, iqn!=s,
  iscsiInterface?=s|"default", lun!=i32, portals?=[s], readOnly?=b, secretRef=@core/LocalObjectReference,
  targetPortal!=s
core/ImageVolumeSource: pullPolicy?=s, reference?=s
core/KeyToPath: key!=s, mode=i32, path!=s
core/Lifecycle: postStart=@core/LifecycleHandler, preStop=@core/LifecycleHandler, stopSignal=s
core/LifecycleHandler: exec=@core/ExecAction, httpGet=@core/HTTPGetAction, sleep=@core/SleepAction,
  tcpSocket=@core/TCPSocketAction
core/LinuxContainerUser: gid!=i, supplementalGroups?=[i], uid!=i
core/LoadBalancerIngress: hostname?=s, ip?=s, ipMode=s, ports?=[@core/PortStatus]
core/LoadBalancerStatus: ingress?=[@core/LoadBalancerIngress]
core/LocalObjectReference*: name?=s
core/ModifyVolumeStatus: status!=s, targetVolumeAttributesClassName?=s
core/NFSVolumeSource: path!=s, readOnly?=b, server!=s
core/Namespace: apiVersion?=s, kind?=s, metadata:=@meta/ObjectMeta, spec:=@core/NamespaceSpec,
  status:=@core/NamespaceStatus
core/NamespaceCondition: lastTransitionTime:=t, message?=s, reason?=s, status!=s, type!=s
core/NamespaceSpec: finalizers?=[s]
core/NamespaceStatus: conditions?=[@core/NamespaceCondition]map(type)~type, phase?=s
core/Node: apiVersion?=s, kind?=s, metadata:=@meta/ObjectMeta, spec:=@core/NodeSpec, status:=@core/NodeStatus
core/NodeAddress: address!=s, type!=s
core/NodeAffinity: preferredDuringSchedulingIgnoredDuringExecution?=[@core/PreferredSchedulingTerm],
  requiredDuringSchedulingIgnoredDuringExecution=@core/NodeSelector
core/NodeCondition: lastHeartbeatTime:=t, lastTransitionTime:=t, message?=s, reason?=s, status!=s, type!=s
core/NodeConfigSource: configMap=@core/ConfigMapNodeConfigSource
core/NodeConfigStatus: active=@core/NodeConfigSource, assigned=@core/NodeConfigSource, error?=s,
  lastKnownGood=@core/NodeConfigSource
core/NodeDaemonEndpoints: kubeletEndpoint:=@core/DaemonEndpoint
core/NodeFeatures: supplementalGroupsPolicy=b
core/NodeRuntimeHandler: features=@core/NodeRuntimeHandlerFeatures, name=s
core/NodeRuntimeHandlerFeatures: recursiveReadOnlyMounts=b, userNamespaces=b
core/NodeSelector*: nodeSelectorTerms!:=[@core/NodeSelectorTerm]
core/NodeSelectorRequirement: key!=s, operator!=s, values?=[s]
core/NodeSelectorTerm*: matchExpressions?=[@core/NodeSelectorRequirement],
  matchFields?=[@core/NodeSelectorRequirement]
core/NodeSpec: configSource=@core/NodeConfigSource, externalID?=s, podCIDR?=s, podCIDRs?=[s]set~, providerID?=s,
  taints?=[@core/Taint], unschedulable?=b
core/NodeStatus: addresses?=[@core/NodeAddress]map(type)~type, allocatable?={q}, capacity?={q},
  conditions?=[@core/NodeCondition]map(type)~type, config=@core/NodeConfigStatus,
  daemonEndpoints:=@core/NodeDaemonEndpoints, features=@core/NodeFeatures, images?=[@core/ContainerImage],
  nodeInfo:=@core/NodeSystemInfo, phase?=s, runtimeHandlers?=[@core/NodeRuntimeHandler],
  volumesAttached?=[@core/AttachedVolume], volumesInUse?=[s]
core/NodeSwapStatus: capacity=i
core/NodeSystemInfo: architecture!=s, bootID!=s, containerRuntimeVersion!=s, kernelVersion!=s, kubeProxyVersion!=s,
  kubeletVersion!=s, machineID!=s, operatingSystem!=s, osImage!=s, swap=@core/NodeSwapStatus, systemUUID!=s
core/ObjectFieldSelector*: apiVersion?=s, fieldPath!=s
core/ObjectReference*: apiVersion?=s, fieldPath?=s, kind?=s, name?=s, namespace?=s, resourceVersion?=s, uid=s
core/PersistentVolumeClaim: apiVersion?=s, kind?=s, metadata:=@meta/ObjectMeta, spec:=@core/PersistentVolumeClaimSpec,
  status:=@core/PersistentVolumeClaimStatus
core/PersistentVolumeClaimCondition: lastProbeTime:=t, lastTransitionTime:=t, message?=s, reason?=s, status!=s,
  type!=s
core/PersistentVolumeClaimSpec: accessModes?=[s], dataSource=@core/TypedLocalObjectReference,
  dataSourceRef=@core/TypedObjectReference, resources:=@core/VolumeResourceRequirements, selector=@meta/LabelSelector,
  storageClassName=s, volumeAttributesClassName=s, volumeMode=s, volumeName?=s
core/PersistentVolumeClaimStatus: accessModes?=[s], allocatedResourceStatuses?={s}, allocatedResources?={q},
  capacity?={q}, conditions?=[@core/PersistentVolumeClaimCondition]map(type)~type, currentVolumeAttributesClassName=s,
  modifyVolumeStatus=@core/ModifyVolumeStatus, phase?=s
core/PersistentVolumeClaimTemplate: metadata:=@meta/ObjectMeta, spec!:=@core/PersistentVolumeClaimSpec
core/PersistentVolumeClaimVolumeSource: claimName!=s, readOnly?=b
)types";
  static constexpr std::string_view kSecond = R"types(
core/PhotonPersistentDiskVolumeSource: fsType?=s, pdID!=s
core/Pod: apiVersion?=s, kind?=s, metadata:=@meta/ObjectMeta, spec:=@core/PodSpec, status:=@core/PodStatus
core/PodAffinity: preferredDuringSchedulingIgnoredDuringExecution?=[@core/WeightedPodAffinityTerm],
  requiredDuringSchedulingIgnoredDuringExecution?=[@core/PodAffinityTerm]
core/PodAffinityTerm: labelSelector=@meta/LabelSelector, matchLabelKeys?=[s], mismatchLabelKeys?=[s],
  namespaceSelector=@meta/LabelSelector, namespaces?=[s], topologyKey!=s
core/PodAntiAffinity: preferredDuringSchedulingIgnoredDuringExecution?=[@core/WeightedPodAffinityTerm],
  requiredDuringSchedulingIgnoredDuringExecution?=[@core/PodAffinityTerm]
core/PodCertificateProjection: certificateChainPath?=s, credentialBundlePath?=s, keyPath?=s, keyType!?=s,
  maxExpirationSeconds=i32, signerName!?=s
core/PodCondition: lastProbeTime:=t, lastTransitionTime:=t, message?=s, observedGeneration?=i, reason?=s, status!=s,
  type!=s
core/PodDNSConfig: nameservers?=[s], options?=[@core/PodDNSConfigOption], searches?=[s]
core/PodDNSConfigOption: name?=s, value=s
core/PodExtendedResourceClaimStatus: requestMappings!:=[@core/ContainerExtendedResourceRequest], resourceClaimName!=s
core/PodIP: ip!=s
core/PodOS: name!=s
core/PodReadinessGate: conditionType!=s
core/PodResourceClaim: name!=s, resourceClaimName=s, resourceClaimTemplateName=s
core/PodResourceClaimStatus: name!=s, resourceClaimName=s
core/PodSchedulingGate: name!=s
core/PodSecurityContext: appArmorProfile=@core/AppArmorProfile, fsGroup=i, fsGroupChangePolicy=s, runAsGroup=i,
  runAsNonRoot=b, runAsUser=i, seLinuxChangePolicy=s, seLinuxOptions=@core/SELinuxOptions,
  seccompProfile=@core/SeccompProfile, supplementalGroups?=[i], supplementalGroupsPolicy=s, sysctls?=[@core/Sysctl],
  windowsOptions=@core/WindowsSecurityContextOptions
core/PodSpec: activeDeadlineSeconds=i, affinity=@core/Affinity, automountServiceAccountToken=b,
  containers!:=[@core/Container]map(name)~name, dnsConfig=@core/PodDNSConfig, dnsPolicy?=s, enableServiceLinks=b,
  ephemeralContainers?=[@core/EphemeralContainer]map(name)~name, hostAliases?=[@core/HostAlias]map(ip)~ip, hostIPC?=b,
  hostNetwork?=b, hostPID?=b, hostUsers=b, hostname?=s, hostnameOverride=s,
  imagePullSecrets?=[@core/LocalObjectReference]map(name)~name, initContainers?=[@core/Container]map(name)~name,
  nodeName?=s, nodeSelector?={s}*, os=@core/PodOS, overhead?={q}, preemptionPolicy=s, priority=i32,
  priorityClassName?=s, readinessGates?=[@core/PodReadinessGate],
  resourceClaims?=[@core/PodResourceClaim]map(name)~name!, resources=@core/ResourceRequirements, restartPolicy?=s,
  runtimeClassName=s, schedulerName?=s, schedulingGates?=[@core/PodSchedulingGate]map(name)~name,
  securityContext=@core/PodSecurityContext, serviceAccount?=s, serviceAccountName?=s, setHostnameAsFQDN=b,
  shareProcessNamespace=b, subdomain?=s, terminationGracePeriodSeconds=i, tolerations?=[@core/Toleration],
  topologySpreadConstraints?=[@core/TopologySpreadConstraint]map(topologyKey whenUnsatisfiable)~topologyKey,
  volumes?=[@core/Volume]map(name)~name!
core/PodStatus: conditions?=[@core/PodCondition]map(type)~type, containerStatuses?=[@core/ContainerStatus],
  ephemeralContainerStatuses?=[@core/ContainerStatus],
  extendedResourceClaimStatus=@core/PodExtendedResourceClaimStatus, hostIP?=s, hostIPs?=[@core/HostIP]~ip,
  initContainerStatuses?=[@core/ContainerStatus], message?=s, nominatedNodeName?=s, observedGeneration?=i, phase?=s,
  podIP?=s, podIPs?=[@core/PodIP]map(ip)~ip, qosClass?=s, reason?=s, resize?=s,
  resourceClaimStatuses?=[@core/PodResourceClaimStatus]map(name)~name!, startTime=t
core/PodTemplateSpec: metadata:=@meta/ObjectMeta, spec:=@core/PodSpec
core/PortStatus: error=s, port!=i32, protocol!=s
core/PortworxVolumeSource: fsType?=s, readOnly?=b, volumeID!=s
core/PreferredSchedulingTerm: preference!:=@core/NodeSelectorTerm, weight!=i32
core/Probe: exec=@core/ExecAction, failureThreshold?=i32, grpc=@core/GRPCAction, httpGet=@core/HTTPGetAction,
  initialDelaySeconds?=i32, periodSeconds?=i32, successThreshold?=i32, tcpSocket=@core/TCPSocketAction,
  terminationGracePeriodSeconds=i, timeoutSeconds?=i32
core/ProjectedVolumeSource: defaultMode=i32, sources:=[@core/VolumeProjection]
core/QuobyteVolumeSource: group?=s, readOnly?=b, registry!=s, tenant?=s, user?=s, volume!=s
core/RBDVolumeSource: fsType?=s, image!=s, keyring?=s|"/etc/ceph/keyring", monitors!:=[s], pool?=s|"rbd", readOnly?=b,
  secretRef=@core/LocalObjectReference, user?=s|"admin"
core/ResourceClaim: name!=s, request?=s
core/ResourceFieldSelector*: containerName?=s, divisor=q, resource!=s
core/ResourceHealth: health?=s, resourceID!=s
core/ResourceRequirements: claims?=[@core/ResourceClaim]map(name), limits?={q}, requests?={q}
core/ResourceStatus: name!=s, resources?=[@core/ResourceHealth]map(resourceID)
core/SELinuxOptions: level?=s, role?=s, type?=s, user?=s
core/ScaleIOVolumeSource: fsType?=s|"xfs", gateway!=s, protectionDomain?=s, readOnly?=b,
  secretRef!=@core/LocalObjectReference, sslEnabled?=b, storageMode?=s|"ThinProvisioned", storagePool?=s, system!=s,
  volumeName?=s
core/SeccompProfile: localhostProfile=s, type!=s
core/Secret: apiVersion?=s, data?={by}, immutable=b, kind?=s, metadata:=@meta/ObjectMeta, stringData?={s}, type?=s
core/SecretEnvSource: name?=s, optional=b
core/SecretKeySelector*: key!=s, name?=s, optional=b
core/SecretProjection: items?=[@core/KeyToPath], name?=s, optional=b
core/SecretVolumeSource: defaultMode=i32, items?=[@core/KeyToPath], optional=b, secretName?=s
core/SecurityContext: allowPrivilegeEscalation=b, appArmorProfile=@core/AppArmorProfile,
  capabilities=@core/Capabilities, privileged=b, procMount=s, readOnlyRootFilesystem=b, runAsGroup=i, runAsNonRoot=b,
  runAsUser=i, seLinuxOptions=@core/SELinuxOptions, seccompProfile=@core/SeccompProfile,
  windowsOptions=@core/WindowsSecurityContextOptions
core/Service: apiVersion?=s, kind?=s, metadata:=@meta/ObjectMeta, spec:=@core/ServiceSpec, status:=@core/ServiceStatus
core/ServiceAccount: apiVersion?=s, automountServiceAccountToken=b, imagePullSecrets?=[@core/LocalObjectReference],
  kind?=s, metadata:=@meta/ObjectMeta, secrets?=[@core/ObjectReference]map(name)~name
core/ServiceAccountTokenProjection: audience?=s, expirationSeconds=i, path!=s
core/ServicePort: appProtocol=s, name?=s, nodePort?=i32, port!=i32, protocol?=s|"TCP", targetPort=is
core/ServiceSpec: allocateLoadBalancerNodePorts=b, clusterIP?=s, clusterIPs?=[s], externalIPs?=[s], externalName?=s,
  externalTrafficPolicy?=s, healthCheckNodePort?=i32, internalTrafficPolicy=s, ipFamilies?=[s], ipFamilyPolicy=s,
  loadBalancerClass=s, loadBalancerIP?=s, loadBalancerSourceRanges?=[s], ports?=[@core/ServicePort]map(port
  protocol)~port, publishNotReadyAddresses?=b, selector?={s}*, sessionAffinity?=s,
  sessionAffinityConfig=@core/SessionAffinityConfig, trafficDistribution=s, type?=s
core/ServiceStatus: conditions?=[@meta/Condition]map(type)~type, loadBalancer:=@core/LoadBalancerStatus
core/SessionAffinityConfig: clientIP=@core/ClientIPConfig
core/SleepAction: seconds!=i
core/StorageOSVolumeSource: fsType?=s, readOnly?=b, secretRef=@core/LocalObjectReference, volumeName?=s,
  volumeNamespace?=s
core/Sysctl: name!=s, value!=s
core/TCPSocketAction: host?=s, port!=is
core/Taint: effect!=s, key!=s, timeAdded=t, value?=s
core/Toleration: effect?=s, key?=s, operator?=s, tolerationSeconds=i, value?=s
core/TopologySpreadConstraint: labelSelector=@meta/LabelSelector, matchLabelKeys?=[s], maxSkew!=i32, minDomains=i32,
  nodeAffinityPolicy=s, nodeTaintsPolicy=s, topologyKey!=s, whenUnsatisfiable!=s
core/TypedLocalObjectReference*: apiGroup=s, kind!=s, name!=s
core/TypedObjectReference: apiGroup=s, kind!=s, name!=s, namespace=s
core/Volume: awsElasticBlockStore=@core/AWSElasticBlockStoreVolumeSource, azureDisk=@core/AzureDiskVolumeSource,
  azureFile=@core/AzureFileVolumeSource, cephfs=@core/CephFSVolumeSource, cinder=@core/CinderVolumeSource,
  configMap=@core/ConfigMapVolumeSource, csi=@core/CSIVolumeSource, downwardAPI=@core/DownwardAPIVolumeSource,
  emptyDir=@core/EmptyDirVolumeSource, ephemeral=@core/EphemeralVolumeSource, fc=@core/FCVolumeSource,
  flexVolume=@core/FlexVolumeSource, flocker=@core/FlockerVolumeSource,
  gcePersistentDisk=@core/GCEPersistentDiskVolumeSource, gitRepo=@core/GitRepoVolumeSource,
  glusterfs=@core/GlusterfsVolumeSource, hostPath=@core/HostPathVolumeSource, image=@core/ImageVolumeSource,
  iscsi=@core/ISCSIVolumeSource, name!=s, nfs=@core/NFSVolumeSource,
  persistentVolumeClaim=@core/PersistentVolumeClaimVolumeSource,
  photonPersistentDisk=@core/PhotonPersistentDiskVolumeSource, portworxVolume=@core/PortworxVolumeSource,
  projected=@core/ProjectedVolumeSource, quobyte=@core/QuobyteVolumeSource, rbd=@core/RBDVolumeSource,
  scaleIO=@core/ScaleIOVolumeSource, secret=@core/SecretVolumeSource, storageos=@core/StorageOSVolumeSource,
  vsphereVolume=@core/VsphereVirtualDiskVolumeSource
core/VolumeDevice: devicePath!=s, name!=s
core/VolumeMount: mountPath!=s, mountPropagation=s, name!=s, readOnly?=b, recursiveReadOnly=s, subPath?=s,
  subPathExpr?=s
core/VolumeMountStatus: mountPath!=s, name!=s, readOnly?=b, recursiveReadOnly=s
core/VolumeProjection: clusterTrustBundle=@core/ClusterTrustBundleProjection, configMap=@core/ConfigMapProjection,
  downwardAPI=@core/DownwardAPIProjection, podCertificate=@core/PodCertificateProjection,
  secret=@core/SecretProjection, serviceAccountToken=@core/ServiceAccountTokenProjection
core/VolumeResourceRequirements: limits?={q}, requests?={q}
core/VsphereVirtualDiskVolumeSource: fsType?=s, storagePolicyID?=s, storagePolicyName?=s, volumePath!=s
core/WeightedPodAffinityTerm: podAffinityTerm!:=@core/PodAffinityTerm, weight!=i32
core/WindowsSecurityContextOptions: gmsaCredentialSpec=s, gmsaCredentialSpecName=s, hostProcess=b, runAsUserName=s
discovery/Endpoint: addresses!:=[s]set, conditions:=@discovery/EndpointConditions, deprecatedTopology?={s},
  hints=@discovery/EndpointHints, hostname=s, nodeName=s, targetRef=@core/ObjectReference, zone=s
discovery/EndpointConditions: ready=b, serving=b, terminating=b
discovery/EndpointHints: forNodes?=[@discovery/ForNode], forZones?=[@discovery/ForZone]
discovery/EndpointPort*: appProtocol=s, name=s, port=i32, protocol=s
discovery/EndpointSlice: addressType!=s, apiVersion?=s, endpoints!:=[@discovery/Endpoint], kind?=s,
  metadata:=@meta/ObjectMeta, ports:=[@discovery/EndpointPort]
discovery/ForNode: name!=s
discovery/ForZone: name!=s
policy/PodDisruptionBudget: apiVersion?=s, kind?=s, metadata:=@meta/ObjectMeta, spec:=@policy/PodDisruptionBudgetSpec,
  status:=@policy/PodDisruptionBudgetStatus
policy/PodDisruptionBudgetSpec: maxUnavailable=is, minAvailable=is, selector=@meta/LabelSelector~~replace,
  unhealthyPodEvictionPolicy=s
policy/PodDisruptionBudgetStatus: conditions?=[@meta/Condition]map(type)~type, currentHealthy!=i32,
  desiredHealthy!=i32, disruptedPods?={t}, disruptionsAllowed!=i32, expectedPods!=i32, observedGeneration?=i
rbac/AggregationRule: clusterRoleSelectors?=[@meta/LabelSelector]
rbac/ClusterRole: aggregationRule=@rbac/AggregationRule, apiVersion?=s, kind?=s, metadata:=@meta/ObjectMeta,
  rules:=[@rbac/PolicyRule]
rbac/ClusterRoleBinding: apiVersion?=s, kind?=s, metadata:=@meta/ObjectMeta, roleRef!:=@rbac/RoleRef,
  subjects?=[@rbac/Subject]
rbac/PolicyRule: apiGroups?=[s], nonResourceURLs?=[s], resourceNames?=[s], resources?=[s], verbs!:=[s]
rbac/Role: apiVersion?=s, kind?=s, metadata:=@meta/ObjectMeta, rules:=[@rbac/PolicyRule]
rbac/RoleBinding: apiVersion?=s, kind?=s, metadata:=@meta/ObjectMeta, roleRef!:=@rbac/RoleRef,
  subjects?=[@rbac/Subject]
rbac/RoleRef*: apiGroup!=s, kind!=s, name!=s
rbac/Subject*: apiGroup?=s, kind!=s, name!=s, namespace?=s
apiextensions/CustomResourceColumnDefinition: description?=s, format?=s, jsonPath!=s, name!=s, priority?=i32, type!=s
apiextensions/CustomResourceConversion: strategy!=s, webhook=@apiextensions/WebhookConversion
apiextensions/CustomResourceDefinition: apiVersion?=s, kind?=s, metadata:=@meta/ObjectMeta,
  spec!:=@apiextensions/CustomResourceDefinitionSpec, status:=@apiextensions/CustomResourceDefinitionStatus
apiextensions/CustomResourceDefinitionCondition: lastTransitionTime:=t, message?=s, reason?=s, status!=s, type!=s
apiextensions/CustomResourceDefinitionNames: categories?=[s], kind!=s, listKind?=s, plural!=s, shortNames?=[s],
  singular?=s
apiextensions/CustomResourceDefinitionSpec: conversion=@apiextensions/CustomResourceConversion, group!=s,
  names!:=@apiextensions/CustomResourceDefinitionNames, preserveUnknownFields?=b, scope!=s,
  versions!:=[@apiextensions/CustomResourceDefinitionVersion]
apiextensions/CustomResourceDefinitionStatus: acceptedNames:=@apiextensions/CustomResourceDefinitionNames,
  conditions:=[@apiextensions/CustomResourceDefinitionCondition]map(type), storedVersions:=[s]
apiextensions/CustomResourceDefinitionVersion:
  additionalPrinterColumns?=[@apiextensions/CustomResourceColumnDefinition], deprecated?=b, deprecationWarning=s,
  name!=s, schema=@apiextensions/CustomResourceValidation, selectableFields?=[@apiextensions/SelectableField],
  served!=b, storage!=b, subresources=@apiextensions/CustomResourceSubresources
apiextensions/CustomResourceSubresourceScale: labelSelectorPath=s, specReplicasPath!=s, statusReplicasPath!=s
apiextensions/CustomResourceSubresourceStatus?:
apiextensions/CustomResourceSubresources: scale=@apiextensions/CustomResourceSubresourceScale,
  status=@apiextensions/CustomResourceSubresourceStatus
apiextensions/CustomResourceValidation: openAPIV3Schema=any
apiextensions/SelectableField: jsonPath!=s
apiextensions/ServiceReference: name!=s, namespace!=s, path=s, port=i32
apiextensions/WebhookClientConfig: caBundle?=by, service=@apiextensions/ServiceReference, url=s
apiextensions/WebhookConversion: clientConfig=@apiextensions/WebhookClientConfig, conversionReviewVersions!:=[s]
meta/Condition: lastTransitionTime!:=t, message!=s, observedGeneration?=i, reason!=s, status!=s, type!=s
meta/LabelSelector*: matchExpressions?=[@meta/LabelSelectorRequirement], matchLabels?={s}
meta/LabelSelectorRequirement: key!=s, operator!=s, values?=[s]
meta/ManagedFieldsEntry: apiVersion?=s, fieldsType?=s, fieldsV1=any, manager?=s, operation?=s, subresource?=s, time=t
meta/ObjectMeta: annotations?={s}, creationTimestamp=t, deletionGracePeriodSeconds=i, deletionTimestamp=t,
  finalizers?=[s]set~, generateName?=s, generation?=i, labels?={s}, managedFields?=[@meta/ManagedFieldsEntry],
  name?=s, namespace?=s, ownerReferences?=[@meta/OwnerReference]map(uid)~uid, resourceVersion?=s, selfLink?=s, uid=s
meta/OwnerReference*: apiVersion!=s, blockOwnerDeletion=b, controller=b, kind!=s, name!=s, uid!=s
)types";
  return part == 0 ? kFirst : kSecond;
}

}  // namespace clops::local
