#include "local/api/builtin_types.h"

namespace clops::local {

// Names and types are Kubernetes 1.34's API, made once from a real server's OpenAPI document and its Go
// types; tests/contract/types_test.cpp compares them with the former. The notation is explained in builtin_types.h. In
// two parts because compilers limit the length of a literal.
std::string_view builtin_types_text(int part) {
  static constexpr std::string_view kFirst = R"types(
apps/ControllerRevision: apiVersion?=s, data#2=any, kind?=s, metadata#1:=@meta/ObjectMeta, revision!#3=i
apps/Deployment: apiVersion?=s, kind?=s, metadata#1:=@meta/ObjectMeta, spec#2:=@apps/DeploymentSpec,
  status#3:=@apps/DeploymentStatus
apps/DeploymentCondition: lastTransitionTime#7:=t, lastUpdateTime#6:=t, message#5?=s, reason#4?=s, status!#2=s,
  type!#1=s
apps/DeploymentSpec: minReadySeconds#5?=i32, paused#7?=b, progressDeadlineSeconds#9=i32, replicas#1=i32,
  revisionHistoryLimit#6=i32, selector!#2=@meta/LabelSelector, strategy#4:=@apps/DeploymentStrategy~~retainKeys,
  template!#3:=@core/PodTemplateSpec
apps/DeploymentStatus: availableReplicas#4?=i32, collisionCount#8=i32,
  conditions#6?=[@apps/DeploymentCondition]map(type)~type, observedGeneration#1?=i, readyReplicas#7?=i32,
  replicas#2?=i32, terminatingReplicas#9=i32, unavailableReplicas#5?=i32, updatedReplicas#3?=i32
apps/DeploymentStrategy: rollingUpdate#2=@apps/RollingUpdateDeployment, type#1?=s
apps/ReplicaSet: apiVersion?=s, kind?=s, metadata#1:=@meta/ObjectMeta, spec#2:=@apps/ReplicaSetSpec,
  status#3:=@apps/ReplicaSetStatus
apps/ReplicaSetCondition: lastTransitionTime#3:=t, message#5?=s, reason#4?=s, status!#2=s, type!#1=s
apps/ReplicaSetSpec: minReadySeconds#4?=i32, replicas#1=i32, selector!#2=@meta/LabelSelector,
  template#3:=@core/PodTemplateSpec
apps/ReplicaSetStatus: availableReplicas#5?=i32, conditions#6?=[@apps/ReplicaSetCondition]map(type)~type,
  fullyLabeledReplicas#2?=i32, observedGeneration#3?=i, readyReplicas#4?=i32, replicas!#1=i32,
  terminatingReplicas#7=i32
apps/RollingUpdateDeployment: maxSurge#2=is, maxUnavailable#1=is
autoscaling/Scale: apiVersion?=s, kind?=s, metadata#1:=@meta/ObjectMeta, spec#2:=@autoscaling/ScaleSpec,
  status#3:=@autoscaling/ScaleStatus
autoscaling/ScaleSpec: replicas#1?=i32
autoscaling/ScaleStatus: replicas!#1=i32, selector#2?=s
batch/Job: apiVersion?=s, kind?=s, metadata#1:=@meta/ObjectMeta, spec#2:=@batch/JobSpec, status#3:=@batch/JobStatus
batch/JobCondition: lastProbeTime#3:=t, lastTransitionTime#4:=t, message#6?=s, reason#5?=s, status!#2=s, type!#1=s
batch/JobSpec: activeDeadlineSeconds#3=i, backoffLimit#7=i32, backoffLimitPerIndex#12=i32, completionMode#9=s,
  completions#2=i32, managedBy#15=s, manualSelector#5=b, maxFailedIndexes#13=i32, parallelism#1=i32,
  podFailurePolicy#11=@batch/PodFailurePolicy, podReplacementPolicy#14=s, selector#4=@meta/LabelSelector,
  successPolicy#16=@batch/SuccessPolicy, suspend#10=b, template!#6:=@core/PodTemplateSpec,
  ttlSecondsAfterFinished#8=i32
batch/JobStatus: active#4?=i32, completedIndexes#7?=s, completionTime#3=t, conditions#1?=[@batch/JobCondition]~type,
  failed#6?=i32, failedIndexes#10=s, ready#9=i32, startTime#2=t, succeeded#5?=i32, terminating#11=i32,
  uncountedTerminatedPods#8=@batch/UncountedTerminatedPods
batch/PodFailurePolicy: rules!#1:=[@batch/PodFailurePolicyRule]
batch/PodFailurePolicyOnExitCodesRequirement: containerName#1=s, operator!#2=s, values!#3:=[i32]set
batch/PodFailurePolicyOnPodConditionsPattern: status!#2=s, type!#1=s
batch/PodFailurePolicyRule: action!#1=s, onExitCodes#2=@batch/PodFailurePolicyOnExitCodesRequirement,
  onPodConditions#3?=[@batch/PodFailurePolicyOnPodConditionsPattern]
batch/SuccessPolicy: rules!#1:=[@batch/SuccessPolicyRule]
batch/SuccessPolicyRule: succeededCount#2=i32, succeededIndexes#1=s
batch/UncountedTerminatedPods: failed#2?=[s]set, succeeded#1?=[s]set
coordination/Lease: apiVersion?=s, kind?=s, metadata#1:=@meta/ObjectMeta, spec#2:=@coordination/LeaseSpec
coordination/LeaseSpec: acquireTime#3=mt, holderIdentity#1=s, leaseDurationSeconds#2=i32, leaseTransitions#5=i32,
  preferredHolder#7=s, renewTime#4=mt, strategy#6=s
core/AWSElasticBlockStoreVolumeSource: fsType#2?=s, partition#3?=i32, readOnly#4?=b, volumeID!#1=s
core/Affinity: nodeAffinity#1=@core/NodeAffinity, podAffinity#2=@core/PodAffinity,
  podAntiAffinity#3=@core/PodAntiAffinity
core/AppArmorProfile: localhostProfile#2=s, type!#1=s
core/AttachedVolume: devicePath!#2=s, name!#1=s
core/AzureDiskVolumeSource: cachingMode#3=s|"ReadWrite", diskName!#1=s, diskURI!#2=s, fsType#4=s|"ext4",
  kind#6=s|"Shared", readOnly#5=b
core/AzureFileVolumeSource: readOnly#3?=b, secretName!#1=s, shareName!#2=s
core/CSIVolumeSource: driver!#1=s, fsType#3=s, nodePublishSecretRef#5=@core/LocalObjectReference, readOnly#2=b,
  volumeAttributes#4?={s}
core/Capabilities: add#1?=[s], drop#2?=[s]
core/CephFSVolumeSource: monitors!#1:=[s], path#2?=s, readOnly#6?=b, secretFile#4?=s,
  secretRef#5=@core/LocalObjectReference, user#3?=s
core/CinderVolumeSource: fsType#2?=s, readOnly#3?=b, secretRef#4=@core/LocalObjectReference, volumeID!#1=s
core/ClientIPConfig: timeoutSeconds#1=i32
core/ClusterTrustBundleProjection: labelSelector#3=@meta/LabelSelector, name#1=s, optional#5=b, path!#4=s,
  signerName#2=s
core/ConfigMap: apiVersion?=s, binaryData#3?={by}, data#2?={s}, immutable#4=b, kind?=s, metadata#1:=@meta/ObjectMeta
core/ConfigMapEnvSource: name#1.1?=s, optional#2=b
core/ConfigMapKeySelector*: key!#2=s, name#1.1?=s, optional#3=b
core/ConfigMapNodeConfigSource: kubeletConfigKey!#5=s, name!#2=s, namespace!#1=s, resourceVersion#4?=s, uid#3=s
core/ConfigMapProjection: items#2?=[@core/KeyToPath], name#1.1?=s, optional#4=b
core/ConfigMapVolumeSource: defaultMode#3=i32, items#2?=[@core/KeyToPath], name#1.1?=s, optional#4=b
core/Container: args#4?=[s], command#3?=[s], env#7?=[@core/EnvVar]map(name)~name, envFrom#19?=[@core/EnvFromSource],
  image#2?=s, imagePullPolicy#14?=s, lifecycle#12=@core/Lifecycle, livenessProbe#10=@core/Probe, name!#1=s,
  ports#6?=[@core/ContainerPort]map(containerPort protocol)~containerPort, readinessProbe#11=@core/Probe,
  resizePolicy#23?=[@core/ContainerResizePolicy], resources#8:=@core/ResourceRequirements, restartPolicy#24=s,
  restartPolicyRules#25?=[@core/ContainerRestartRule], securityContext#15=@core/SecurityContext,
  startupProbe#22=@core/Probe, stdin#16?=b, stdinOnce#17?=b, terminationMessagePath#13?=s,
  terminationMessagePolicy#20?=s, tty#18?=b, volumeDevices#21?=[@core/VolumeDevice]map(devicePath)~devicePath,
  volumeMounts#9?=[@core/VolumeMount]map(mountPath)~mountPath, workingDir#5?=s
core/ContainerExtendedResourceRequest: containerName!#1=s, requestName!#3=s, resourceName!#2=s
core/ContainerImage: names#1:=[s], sizeBytes#2?=i
core/ContainerPort: containerPort!#3=i32, hostIP#5?=s, hostPort#2?=i32, name#1?=s, protocol#4?=s|"TCP"
core/ContainerResizePolicy: resourceName!#1=s, restartPolicy!#2=s
core/ContainerRestartRule: action!#1?=s, exitCodes#2=@core/ContainerRestartRuleOnExitCodes
core/ContainerRestartRuleOnExitCodes: operator!#1?=s, values#2?=[i32]set
core/ContainerState: running#2=@core/ContainerStateRunning, terminated#3=@core/ContainerStateTerminated,
  waiting#1=@core/ContainerStateWaiting
core/ContainerStateRunning: startedAt#1:=t
core/ContainerStateTerminated: containerID#7?=s, exitCode!#1=i32, finishedAt#6:=t, message#4?=s, reason#3?=s,
  signal#2?=i32, startedAt#5:=t
core/ContainerStateWaiting: message#2?=s, reason#1?=s
core/ContainerStatus: allocatedResources#10?={q}, allocatedResourcesStatus#14?=[@core/ResourceStatus]map(name)~name,
  containerID#8?=s, image!#6=s, imageID!#7=s, lastState#3:=@core/ContainerState, name!#1=s, ready!#4=b,
  resources#11=@core/ResourceRequirements, restartCount!#5=i32, started#9=b, state#2:=@core/ContainerState,
  stopSignal#15=s, user#13=@core/ContainerUser, volumeMounts#12?=[@core/VolumeMountStatus]map(mountPath)~mountPath
core/ContainerUser: linux#1=@core/LinuxContainerUser
core/DaemonEndpoint: Port!#1=i32
core/DownwardAPIProjection: items#1?=[@core/DownwardAPIVolumeFile]
core/DownwardAPIVolumeFile: fieldRef#2=@core/ObjectFieldSelector, mode#4=i32, path!#1=s,
  resourceFieldRef#3=@core/ResourceFieldSelector
core/DownwardAPIVolumeSource: defaultMode#2=i32, items#1?=[@core/DownwardAPIVolumeFile]
core/EmptyDirVolumeSource: medium#1?=s, sizeLimit#2=q
core/EndpointAddress*: hostname#3?=s, ip!#1=s, nodeName#4=s, targetRef#2=@core/ObjectReference
core/EndpointPort*: appProtocol#4=s, name#1?=s, port!#2=i32, protocol#3?=s
core/EndpointSubset: addresses#1?=[@core/EndpointAddress], notReadyAddresses#2?=[@core/EndpointAddress],
  ports#3?=[@core/EndpointPort]
core/Endpoints: apiVersion?=s, kind?=s, metadata#1:=@meta/ObjectMeta, subsets#2?=[@core/EndpointSubset]
core/EnvFromSource: configMapRef#2=@core/ConfigMapEnvSource, prefix#1?=s, secretRef#3=@core/SecretEnvSource
core/EnvVar: name!#1=s, value#2?=s, valueFrom#3=@core/EnvVarSource
core/EnvVarSource: configMapKeyRef#3=@core/ConfigMapKeySelector, fieldRef#1=@core/ObjectFieldSelector,
  fileKeyRef#5=@core/FileKeySelector, resourceFieldRef#2=@core/ResourceFieldSelector,
  secretKeyRef#4=@core/SecretKeySelector
core/EphemeralContainer: args#1.4?=[s], command#1.3?=[s], env#1.7?=[@core/EnvVar]map(name)~name,
  envFrom#1.19?=[@core/EnvFromSource], image#1.2?=s, imagePullPolicy#1.14?=s, lifecycle#1.12=@core/Lifecycle,
  livenessProbe#1.10=@core/Probe, name!#1.1=s, ports#1.6?=[@core/ContainerPort]map(containerPort
  protocol)~containerPort, readinessProbe#1.11=@core/Probe, resizePolicy#1.23?=[@core/ContainerResizePolicy],
  resources#1.8:=@core/ResourceRequirements, restartPolicy#1.24=s,
  restartPolicyRules#1.25?=[@core/ContainerRestartRule], securityContext#1.15=@core/SecurityContext,
  startupProbe#1.22=@core/Probe, stdin#1.16?=b, stdinOnce#1.17?=b, targetContainerName#2?=s,
  terminationMessagePath#1.13?=s, terminationMessagePolicy#1.20?=s, tty#1.18?=b,
  volumeDevices#1.21?=[@core/VolumeDevice]map(devicePath)~devicePath,
  volumeMounts#1.9?=[@core/VolumeMount]map(mountPath)~mountPath, workingDir#1.5?=s
core/EphemeralVolumeSource: volumeClaimTemplate#1=@core/PersistentVolumeClaimTemplate
core/Event: action#12?=s, apiVersion?=s, count#8?=i32, eventTime#10:=mt, firstTimestamp#6:=t,
  involvedObject!#2:=@core/ObjectReference, kind?=s, lastTimestamp#7:=t, message#4?=s, metadata!#1:=@meta/ObjectMeta,
  reason#3?=s, related#13=@core/ObjectReference, reportingComponent#14=s, reportingInstance#15=s,
  series#11=@core/EventSeries, source#5:=@core/EventSource, type#9?=s
core/EventSeries: count#1?=i32, lastObservedTime#2:=mt
core/EventSource: component#1?=s, host#2?=s
core/ExecAction: command#1?=[s]
core/FCVolumeSource: fsType#3?=s, lun#2=i32, readOnly#4?=b, targetWWNs#1?=[s], wwids#5?=[s]
core/FileKeySelector*: key!#3=s, optional#4=b, path!#2=s, volumeName!#1=s
core/FlexVolumeSource: driver!#1=s, fsType#2?=s, options#5?={s}, readOnly#4?=b, secretRef#3=@core/LocalObjectReference
core/FlockerVolumeSource: datasetName#1?=s, datasetUUID#2?=s
core/GCEPersistentDiskVolumeSource: fsType#2?=s, partition#3?=i32, pdName!#1=s, readOnly#4?=b
core/GRPCAction: port!#1=i32, service#2=s
core/GitRepoVolumeSource: directory#3?=s, repository!#1=s, revision#2?=s
core/GlusterfsVolumeSource: endpoints!#1=s, path!#2=s, readOnly#3?=b
core/HTTPGetAction: host#3?=s, httpHeaders#5?=[@core/HTTPHeader], path#1?=s, port!#2=is, scheme#4?=s
core/HTTPHeader: name!#1=s, value!#2=s
core/HostAlias: hostnames#2?=[s], ip!#1=s
core/HostIP: ip!#1=s
core/HostPathVolumeSource: path!#1=s, type#2=s
core/ISCSIVolumeSource: chapAuthDiscovery#8?=b, chapAuthSession#11?=b, fsType#5?=s, initiatorName#12=s, iqn!#2=s,
  iscsiInterface#4?=s|"default", lun!#3=i32, portals#7?=[s], readOnly#6?=b, secretRef#10=@core/LocalObjectReference,
  targetPortal!#1=s
core/ImageVolumeSource: pullPolicy#2?=s, reference#1?=s
core/KeyToPath: key!#1=s, mode#3=i32, path!#2=s
core/Lifecycle: postStart#1=@core/LifecycleHandler, preStop#2=@core/LifecycleHandler, stopSignal#3=s
core/LifecycleHandler: exec#1=@core/ExecAction, httpGet#2=@core/HTTPGetAction, sleep#4=@core/SleepAction,
  tcpSocket#3=@core/TCPSocketAction
core/LinuxContainerUser: gid!#2=i, supplementalGroups#3?=[i], uid!#1=i
core/LoadBalancerIngress: hostname#2?=s, ip#1?=s, ipMode#3=s, ports#4?=[@core/PortStatus]
core/LoadBalancerStatus: ingress#1?=[@core/LoadBalancerIngress]
core/LocalObjectReference*: name#1?=s
core/ModifyVolumeStatus: status!#2=s, targetVolumeAttributesClassName#1?=s
core/NFSVolumeSource: path!#2=s, readOnly#3?=b, server!#1=s
core/Namespace: apiVersion?=s, kind?=s, metadata#1:=@meta/ObjectMeta, spec#2:=@core/NamespaceSpec,
  status#3:=@core/NamespaceStatus
core/NamespaceCondition: lastTransitionTime#4:=t, message#6?=s, reason#5?=s, status!#2=s, type!#1=s
core/NamespaceSpec: finalizers#1?=[s]
core/NamespaceStatus: conditions#2?=[@core/NamespaceCondition]map(type)~type, phase#1?=s
core/Node: apiVersion?=s, kind?=s, metadata#1:=@meta/ObjectMeta, spec#2:=@core/NodeSpec, status#3:=@core/NodeStatus
core/NodeAddress: address!#2=s, type!#1=s
core/NodeAffinity: preferredDuringSchedulingIgnoredDuringExecution#2?=[@core/PreferredSchedulingTerm],
  requiredDuringSchedulingIgnoredDuringExecution#1=@core/NodeSelector
core/NodeCondition: lastHeartbeatTime#3:=t, lastTransitionTime#4:=t, message#6?=s, reason#5?=s, status!#2=s, type!#1=s
core/NodeConfigSource: configMap#2=@core/ConfigMapNodeConfigSource
core/NodeConfigStatus: active#2=@core/NodeConfigSource, assigned#1=@core/NodeConfigSource, error#4?=s,
  lastKnownGood#3=@core/NodeConfigSource
core/NodeDaemonEndpoints: kubeletEndpoint#1:=@core/DaemonEndpoint
core/NodeFeatures: supplementalGroupsPolicy#1=b
core/NodeRuntimeHandler: features#2=@core/NodeRuntimeHandlerFeatures, name#1=s
core/NodeRuntimeHandlerFeatures: recursiveReadOnlyMounts#1=b, userNamespaces#2=b
core/NodeSelector*: nodeSelectorTerms!#1:=[@core/NodeSelectorTerm]
core/NodeSelectorRequirement: key!#1=s, operator!#2=s, values#3?=[s]
core/NodeSelectorTerm*: matchExpressions#1?=[@core/NodeSelectorRequirement],
  matchFields#2?=[@core/NodeSelectorRequirement]
core/NodeSpec: configSource#6=@core/NodeConfigSource, externalID#2?=s, podCIDR#1?=s, podCIDRs#7?=[s]set~,
  providerID#3?=s, taints#5?=[@core/Taint], unschedulable#4?=b
core/NodeStatus: addresses#5?=[@core/NodeAddress]map(type)~type, allocatable#2?={q}, capacity#1?={q},
  conditions#4?=[@core/NodeCondition]map(type)~type, config#11=@core/NodeConfigStatus,
  daemonEndpoints#6:=@core/NodeDaemonEndpoints, features#13=@core/NodeFeatures, images#8?=[@core/ContainerImage],
  nodeInfo#7:=@core/NodeSystemInfo, phase#3?=s, runtimeHandlers#12?=[@core/NodeRuntimeHandler],
  volumesAttached#10?=[@core/AttachedVolume], volumesInUse#9?=[s]
core/NodeSwapStatus: capacity#1=i
core/NodeSystemInfo: architecture!#10=s, bootID!#3=s, containerRuntimeVersion!#6=s, kernelVersion!#4=s,
  kubeProxyVersion!#8=s, kubeletVersion!#7=s, machineID!#1=s, operatingSystem!#9=s, osImage!#5=s,
  swap#11=@core/NodeSwapStatus, systemUUID!#2=s
core/ObjectFieldSelector*: apiVersion#1?=s, fieldPath!#2=s
core/ObjectReference*: apiVersion#5?=s, fieldPath#7?=s, kind#1?=s, name#3?=s, namespace#2?=s, resourceVersion#6?=s,
  uid#4=s
core/PersistentVolumeClaim: apiVersion?=s, kind?=s, metadata#1:=@meta/ObjectMeta,
  spec#2:=@core/PersistentVolumeClaimSpec, status#3:=@core/PersistentVolumeClaimStatus
core/PersistentVolumeClaimCondition: lastProbeTime#3:=t, lastTransitionTime#4:=t, message#6?=s, reason#5?=s,
  status!#2=s, type!#1=s
core/PersistentVolumeClaimSpec: accessModes#1?=[s], dataSource#7=@core/TypedLocalObjectReference,
  dataSourceRef#8=@core/TypedObjectReference, resources#2:=@core/VolumeResourceRequirements,
  selector#4=@meta/LabelSelector, storageClassName#5=s, volumeAttributesClassName#9=s, volumeMode#6=s, volumeName#3?=s
core/PersistentVolumeClaimStatus: accessModes#2?=[s], allocatedResourceStatuses#7?={s}, allocatedResources#5?={q},
  capacity#3?={q}, conditions#4?=[@core/PersistentVolumeClaimCondition]map(type)~type,
  currentVolumeAttributesClassName#8=s, modifyVolumeStatus#9=@core/ModifyVolumeStatus, phase#1?=s
core/PersistentVolumeClaimTemplate: metadata#1:=@meta/ObjectMeta, spec!#2:=@core/PersistentVolumeClaimSpec
core/PersistentVolumeClaimVolumeSource: claimName!#1=s, readOnly#2?=b
)types";
  static constexpr std::string_view kSecond = R"types(
core/PhotonPersistentDiskVolumeSource: fsType#2?=s, pdID!#1=s
core/Pod: apiVersion?=s, kind?=s, metadata#1:=@meta/ObjectMeta, spec#2:=@core/PodSpec, status#3:=@core/PodStatus
core/PodAffinity: preferredDuringSchedulingIgnoredDuringExecution#2?=[@core/WeightedPodAffinityTerm],
  requiredDuringSchedulingIgnoredDuringExecution#1?=[@core/PodAffinityTerm]
core/PodAffinityTerm: labelSelector#1=@meta/LabelSelector, matchLabelKeys#5?=[s], mismatchLabelKeys#6?=[s],
  namespaceSelector#4=@meta/LabelSelector, namespaces#2?=[s], topologyKey!#3=s
core/PodAntiAffinity: preferredDuringSchedulingIgnoredDuringExecution#2?=[@core/WeightedPodAffinityTerm],
  requiredDuringSchedulingIgnoredDuringExecution#1?=[@core/PodAffinityTerm]
core/PodCertificateProjection: certificateChainPath#6?=s, credentialBundlePath#4?=s, keyPath#5?=s, keyType!#2?=s,
  maxExpirationSeconds#3=i32, signerName!#1?=s
core/PodCondition: lastProbeTime#3:=t, lastTransitionTime#4:=t, message#6?=s, observedGeneration#7?=i, reason#5?=s,
  status!#2=s, type!#1=s
core/PodDNSConfig: nameservers#1?=[s], options#3?=[@core/PodDNSConfigOption], searches#2?=[s]
core/PodDNSConfigOption: name#1?=s, value#2=s
core/PodExtendedResourceClaimStatus: requestMappings!#1:=[@core/ContainerExtendedResourceRequest],
  resourceClaimName!#2=s
core/PodIP: ip!#1=s
core/PodOS: name!#1=s
core/PodReadinessGate: conditionType!#1=s
core/PodResourceClaim: name!#1=s, resourceClaimName#3=s, resourceClaimTemplateName#4=s
core/PodResourceClaimStatus: name!#1=s, resourceClaimName#2=s
core/PodSchedulingGate: name!#1=s
core/PodSecurityContext: appArmorProfile#11=@core/AppArmorProfile, fsGroup#5=i, fsGroupChangePolicy#9=s,
  runAsGroup#6=i, runAsNonRoot#3=b, runAsUser#2=i, seLinuxChangePolicy#13=s, seLinuxOptions#1=@core/SELinuxOptions,
  seccompProfile#10=@core/SeccompProfile, supplementalGroups#4?=[i], supplementalGroupsPolicy#12=s,
  sysctls#7?=[@core/Sysctl], windowsOptions#8=@core/WindowsSecurityContextOptions
core/PodSpec: activeDeadlineSeconds#5=i, affinity#18=@core/Affinity, automountServiceAccountToken#21=b,
  containers!#2:=[@core/Container]map(name)~name, dnsConfig#26=@core/PodDNSConfig, dnsPolicy#6?=s,
  enableServiceLinks#30=b, ephemeralContainers#34?=[@core/EphemeralContainer]map(name)~name,
  hostAliases#23?=[@core/HostAlias]map(ip)~ip, hostIPC#13?=b, hostNetwork#11?=b, hostPID#12?=b, hostUsers#37=b,
  hostname#16?=s, hostnameOverride#41=s, imagePullSecrets#15?=[@core/LocalObjectReference]map(name)~name,
  initContainers#20?=[@core/Container]map(name)~name, nodeName#10?=s, nodeSelector#7?={s}*, os#36=@core/PodOS,
  overhead#32?={q}, preemptionPolicy#31=s, priority#25=i32, priorityClassName#24?=s,
  readinessGates#28?=[@core/PodReadinessGate], resourceClaims#39?=[@core/PodResourceClaim]map(name)~name!,
  resources#40=@core/ResourceRequirements, restartPolicy#3?=s, runtimeClassName#29=s, schedulerName#19?=s,
  schedulingGates#38?=[@core/PodSchedulingGate]map(name)~name, securityContext#14=@core/PodSecurityContext,
  serviceAccount#9?=s, serviceAccountName#8?=s, setHostnameAsFQDN#35=b, shareProcessNamespace#27=b, subdomain#17?=s,
  terminationGracePeriodSeconds#4=i, tolerations#22?=[@core/Toleration],
  topologySpreadConstraints#33?=[@core/TopologySpreadConstraint]map(topologyKey whenUnsatisfiable)~topologyKey,
  volumes#1?=[@core/Volume]map(name)~name!
core/PodStatus: conditions#2?=[@core/PodCondition]map(type)~type, containerStatuses#8?=[@core/ContainerStatus],
  ephemeralContainerStatuses#13?=[@core/ContainerStatus],
  extendedResourceClaimStatus#18=@core/PodExtendedResourceClaimStatus, hostIP#5?=s, hostIPs#16?=[@core/HostIP]~ip,
  initContainerStatuses#10?=[@core/ContainerStatus], message#3?=s, nominatedNodeName#11?=s, observedGeneration#17?=i,
  phase#1?=s, podIP#6?=s, podIPs#12?=[@core/PodIP]map(ip)~ip, qosClass#9?=s, reason#4?=s, resize#14?=s,
  resourceClaimStatuses#15?=[@core/PodResourceClaimStatus]map(name)~name!, startTime#7=t
core/PodTemplateSpec: metadata#1:=@meta/ObjectMeta, spec#2:=@core/PodSpec
core/PortStatus: error#3=s, port!#1=i32, protocol!#2=s
core/PortworxVolumeSource: fsType#2?=s, readOnly#3?=b, volumeID!#1=s
core/PreferredSchedulingTerm: preference!#2:=@core/NodeSelectorTerm, weight!#1=i32
core/Probe: exec#1.1=@core/ExecAction, failureThreshold#6?=i32, grpc#1.4=@core/GRPCAction,
  httpGet#1.2=@core/HTTPGetAction, initialDelaySeconds#2?=i32, periodSeconds#4?=i32, successThreshold#5?=i32,
  tcpSocket#1.3=@core/TCPSocketAction, terminationGracePeriodSeconds#7=i, timeoutSeconds#3?=i32
core/ProjectedVolumeSource: defaultMode#2=i32, sources#1:=[@core/VolumeProjection]
core/QuobyteVolumeSource: group#5?=s, readOnly#3?=b, registry!#1=s, tenant#6?=s, user#4?=s, volume!#2=s
core/RBDVolumeSource: fsType#3?=s, image!#2=s, keyring#6?=s|"/etc/ceph/keyring", monitors!#1:=[s], pool#4?=s|"rbd",
  readOnly#8?=b, secretRef#7=@core/LocalObjectReference, user#5?=s|"admin"
core/ResourceClaim: name!#1=s, request#2?=s
core/ResourceFieldSelector*: containerName#1?=s, divisor#3=q, resource!#2=s
core/ResourceHealth: health#2?=s, resourceID!#1=s
core/ResourceRequirements: claims#3?=[@core/ResourceClaim]map(name), limits#1?={q}, requests#2?={q}
core/ResourceStatus: name!#1=s, resources#2?=[@core/ResourceHealth]map(resourceID)
core/SELinuxOptions: level#4?=s, role#2?=s, type#3?=s, user#1?=s
core/ScaleIOVolumeSource: fsType#9?=s|"xfs", gateway!#1=s, protectionDomain#5?=s, readOnly#10?=b,
  secretRef!#3=@core/LocalObjectReference, sslEnabled#4?=b, storageMode#7?=s|"ThinProvisioned", storagePool#6?=s,
  system!#2=s, volumeName#8?=s
core/SeccompProfile: localhostProfile#2=s, type!#1=s
core/Secret: apiVersion?=s, data#2?={by}, immutable#5=b, kind?=s, metadata#1:=@meta/ObjectMeta, stringData#4?={s},
  type#3?=s
core/SecretEnvSource: name#1.1?=s, optional#2=b
core/SecretKeySelector*: key!#2=s, name#1.1?=s, optional#3=b
core/SecretProjection: items#2?=[@core/KeyToPath], name#1.1?=s, optional#4=b
core/SecretVolumeSource: defaultMode#3=i32, items#2?=[@core/KeyToPath], optional#4=b, secretName#1?=s
core/SecurityContext: allowPrivilegeEscalation#7=b, appArmorProfile#12=@core/AppArmorProfile,
  capabilities#1=@core/Capabilities, privileged#2=b, procMount#9=s, readOnlyRootFilesystem#6=b, runAsGroup#8=i,
  runAsNonRoot#5=b, runAsUser#4=i, seLinuxOptions#3=@core/SELinuxOptions, seccompProfile#11=@core/SeccompProfile,
  windowsOptions#10=@core/WindowsSecurityContextOptions
core/Service: apiVersion?=s, kind?=s, metadata#1:=@meta/ObjectMeta, spec#2:=@core/ServiceSpec,
  status#3:=@core/ServiceStatus
core/ServiceAccount: apiVersion?=s, automountServiceAccountToken#4=b,
  imagePullSecrets#3?=[@core/LocalObjectReference], kind?=s, metadata#1:=@meta/ObjectMeta,
  secrets#2?=[@core/ObjectReference]map(name)~name
core/ServiceAccountTokenProjection: audience#1?=s, expirationSeconds#2=i, path!#3=s
core/ServicePort: appProtocol#6=s, name#1?=s, nodePort#5?=i32, port!#3=i32, protocol#2?=s|"TCP", targetPort#4=is
core/ServiceSpec: allocateLoadBalancerNodePorts#20=b, clusterIP#3?=s, clusterIPs#18?=[s], externalIPs#5?=[s],
  externalName#10?=s, externalTrafficPolicy#11?=s, healthCheckNodePort#12?=i32, internalTrafficPolicy#22=s,
  ipFamilies#19?=[s], ipFamilyPolicy#17=s, loadBalancerClass#21=s, loadBalancerIP#8?=s,
  loadBalancerSourceRanges#9?=[s], ports#1?=[@core/ServicePort]map(port protocol)~port,
  publishNotReadyAddresses#13?=b, selector#2?={s}*, sessionAffinity#7?=s,
  sessionAffinityConfig#14=@core/SessionAffinityConfig, trafficDistribution#23=s, type#4?=s
core/ServiceStatus: conditions#2?=[@meta/Condition]map(type)~type, loadBalancer#1:=@core/LoadBalancerStatus
core/SessionAffinityConfig: clientIP#1=@core/ClientIPConfig
core/SleepAction: seconds!#1=i
core/StorageOSVolumeSource: fsType#3?=s, readOnly#4?=b, secretRef#5=@core/LocalObjectReference, volumeName#1?=s,
  volumeNamespace#2?=s
core/Sysctl: name!#1=s, value!#2=s
core/TCPSocketAction: host#2?=s, port!#1=is
core/Taint: effect!#3=s, key!#1=s, timeAdded#4=t, value#2?=s
core/Toleration: effect#4?=s, key#1?=s, operator#2?=s, tolerationSeconds#5=i, value#3?=s
core/TopologySpreadConstraint: labelSelector#4=@meta/LabelSelector, matchLabelKeys#8?=[s], maxSkew!#1=i32,
  minDomains#5=i32, nodeAffinityPolicy#6=s, nodeTaintsPolicy#7=s, topologyKey!#2=s, whenUnsatisfiable!#3=s
core/TypedLocalObjectReference*: apiGroup#1=s, kind!#2=s, name!#3=s
core/TypedObjectReference: apiGroup#1=s, kind!#2=s, name!#3=s, namespace#4=s
core/Volume: awsElasticBlockStore#2.4=@core/AWSElasticBlockStoreVolumeSource,
  azureDisk#2.22=@core/AzureDiskVolumeSource, azureFile#2.18=@core/AzureFileVolumeSource,
  cephfs#2.14=@core/CephFSVolumeSource, cinder#2.13=@core/CinderVolumeSource,
  configMap#2.19=@core/ConfigMapVolumeSource, csi#2.28=@core/CSIVolumeSource,
  downwardAPI#2.16=@core/DownwardAPIVolumeSource, emptyDir#2.2=@core/EmptyDirVolumeSource,
  ephemeral#2.29=@core/EphemeralVolumeSource, fc#2.17=@core/FCVolumeSource, flexVolume#2.12=@core/FlexVolumeSource,
  flocker#2.15=@core/FlockerVolumeSource, gcePersistentDisk#2.3=@core/GCEPersistentDiskVolumeSource,
  gitRepo#2.5=@core/GitRepoVolumeSource, glusterfs#2.9=@core/GlusterfsVolumeSource,
  hostPath#2.1=@core/HostPathVolumeSource, image#2.30=@core/ImageVolumeSource, iscsi#2.8=@core/ISCSIVolumeSource,
  name!#1=s, nfs#2.7=@core/NFSVolumeSource, persistentVolumeClaim#2.10=@core/PersistentVolumeClaimVolumeSource,
  photonPersistentDisk#2.23=@core/PhotonPersistentDiskVolumeSource, portworxVolume#2.24=@core/PortworxVolumeSource,
  projected#2.26=@core/ProjectedVolumeSource, quobyte#2.21=@core/QuobyteVolumeSource, rbd#2.11=@core/RBDVolumeSource,
  scaleIO#2.25=@core/ScaleIOVolumeSource, secret#2.6=@core/SecretVolumeSource,
  storageos#2.27=@core/StorageOSVolumeSource, vsphereVolume#2.20=@core/VsphereVirtualDiskVolumeSource
core/VolumeDevice: devicePath!#2=s, name!#1=s
core/VolumeMount: mountPath!#3=s, mountPropagation#5=s, name!#1=s, readOnly#2?=b, recursiveReadOnly#7=s, subPath#4?=s,
  subPathExpr#6?=s
core/VolumeMountStatus: mountPath!#2=s, name!#1=s, readOnly#3?=b, recursiveReadOnly#4=s
core/VolumeProjection: clusterTrustBundle#5=@core/ClusterTrustBundleProjection, configMap#3=@core/ConfigMapProjection,
  downwardAPI#2=@core/DownwardAPIProjection, podCertificate#6=@core/PodCertificateProjection,
  secret#1=@core/SecretProjection, serviceAccountToken#4=@core/ServiceAccountTokenProjection
core/VolumeResourceRequirements: limits#1?={q}, requests#2?={q}
core/VsphereVirtualDiskVolumeSource: fsType#2?=s, storagePolicyID#4?=s, storagePolicyName#3?=s, volumePath!#1=s
core/WeightedPodAffinityTerm: podAffinityTerm!#2:=@core/PodAffinityTerm, weight!#1=i32
core/WindowsSecurityContextOptions: gmsaCredentialSpec#2=s, gmsaCredentialSpecName#1=s, hostProcess#4=b,
  runAsUserName#3=s
discovery/Endpoint: addresses!#1:=[s]set, conditions#2:=@discovery/EndpointConditions, deprecatedTopology#5?={s},
  hints#8=@discovery/EndpointHints, hostname#3=s, nodeName#6=s, targetRef#4=@core/ObjectReference, zone#7=s
discovery/EndpointConditions: ready#1=b, serving#2=b, terminating#3=b
discovery/EndpointHints: forNodes#2?=[@discovery/ForNode], forZones#1?=[@discovery/ForZone]
discovery/EndpointPort*: appProtocol#4=s, name#1=s, port#3=i32, protocol#2=s
discovery/EndpointSlice: addressType!#4=s, apiVersion?=s, endpoints!#2:=[@discovery/Endpoint], kind?=s,
  metadata#1:=@meta/ObjectMeta, ports#3:=[@discovery/EndpointPort]
discovery/ForNode: name!#1=s
discovery/ForZone: name!#1=s
policy/PodDisruptionBudget: apiVersion?=s, kind?=s, metadata#1:=@meta/ObjectMeta,
  spec#2:=@policy/PodDisruptionBudgetSpec, status#3:=@policy/PodDisruptionBudgetStatus
policy/PodDisruptionBudgetSpec: maxUnavailable#3=is, minAvailable#1=is, selector#2=@meta/LabelSelector~~replace,
  unhealthyPodEvictionPolicy#4=s
policy/PodDisruptionBudgetStatus: conditions#7?=[@meta/Condition]map(type)~type, currentHealthy!#4=i32,
  desiredHealthy!#5=i32, disruptedPods#2?={t}, disruptionsAllowed!#3=i32, expectedPods!#6=i32, observedGeneration#1?=i
rbac/AggregationRule: clusterRoleSelectors#1?=[@meta/LabelSelector]
rbac/ClusterRole: aggregationRule#3=@rbac/AggregationRule, apiVersion?=s, kind?=s, metadata#1:=@meta/ObjectMeta,
  rules#2:=[@rbac/PolicyRule]
rbac/ClusterRoleBinding: apiVersion?=s, kind?=s, metadata#1:=@meta/ObjectMeta, roleRef!#3:=@rbac/RoleRef,
  subjects#2?=[@rbac/Subject]
rbac/PolicyRule: apiGroups#2?=[s], nonResourceURLs#5?=[s], resourceNames#4?=[s], resources#3?=[s], verbs!#1:=[s]
rbac/Role: apiVersion?=s, kind?=s, metadata#1:=@meta/ObjectMeta, rules#2:=[@rbac/PolicyRule]
rbac/RoleBinding: apiVersion?=s, kind?=s, metadata#1:=@meta/ObjectMeta, roleRef!#3:=@rbac/RoleRef,
  subjects#2?=[@rbac/Subject]
rbac/RoleRef*: apiGroup!#1=s, kind!#2=s, name!#3=s
rbac/Subject*: apiGroup#2?=s, kind!#1=s, name!#3=s, namespace#4?=s
apiextensions/CustomResourceColumnDefinition: description#4?=s, format#3?=s, jsonPath!#6=s, name!#1=s,
  priority#5?=i32, type!#2=s
apiextensions/CustomResourceConversion: strategy!#1=s, webhook#2=@apiextensions/WebhookConversion
apiextensions/CustomResourceDefinition: apiVersion?=s, kind?=s, metadata#1:=@meta/ObjectMeta,
  spec!#2:=@apiextensions/CustomResourceDefinitionSpec, status#3:=@apiextensions/CustomResourceDefinitionStatus
apiextensions/CustomResourceDefinitionCondition: lastTransitionTime#3:=t, message#5?=s, reason#4?=s, status!#2=s,
  type!#1=s
apiextensions/CustomResourceDefinitionNames: categories#6?=[s], kind!#4=s, listKind#5?=s, plural!#1=s,
  shortNames#3?=[s], singular#2?=s
apiextensions/CustomResourceDefinitionSpec: conversion#9=@apiextensions/CustomResourceConversion, group!#1=s,
  names!#3:=@apiextensions/CustomResourceDefinitionNames, preserveUnknownFields#10?=b, scope!#4=s,
  versions!#7:=[@apiextensions/CustomResourceDefinitionVersion]
apiextensions/CustomResourceDefinitionStatus: acceptedNames#2:=@apiextensions/CustomResourceDefinitionNames,
  conditions#1:=[@apiextensions/CustomResourceDefinitionCondition]map(type), storedVersions#3:=[s]
apiextensions/CustomResourceDefinitionVersion:
  additionalPrinterColumns#6?=[@apiextensions/CustomResourceColumnDefinition], deprecated#7?=b,
  deprecationWarning#8=s, name!#1=s, schema#4=@apiextensions/CustomResourceValidation,
  selectableFields#9?=[@apiextensions/SelectableField], served!#2=b, storage!#3=b,
  subresources#5=@apiextensions/CustomResourceSubresources
apiextensions/CustomResourceSubresourceScale: labelSelectorPath#3=s, specReplicasPath!#1=s, statusReplicasPath!#2=s
apiextensions/CustomResourceSubresourceStatus?:
apiextensions/CustomResourceSubresources: scale#2=@apiextensions/CustomResourceSubresourceScale,
  status#1=@apiextensions/CustomResourceSubresourceStatus
apiextensions/CustomResourceValidation: openAPIV3Schema#1=any
apiextensions/SelectableField: jsonPath!#1=s
apiextensions/ServiceReference: name!#2=s, namespace!#1=s, path#3=s, port#4=i32
apiextensions/WebhookClientConfig: caBundle#2?=by, service#1=@apiextensions/ServiceReference, url#3=s
apiextensions/WebhookConversion: clientConfig#2=@apiextensions/WebhookClientConfig, conversionReviewVersions!#3:=[s]
meta/Condition: lastTransitionTime!#4:=t, message!#6=s, observedGeneration#3?=i, reason!#5=s, status!#2=s, type!#1=s
meta/LabelSelector*: matchExpressions#2?=[@meta/LabelSelectorRequirement], matchLabels#1?={s}
meta/LabelSelectorRequirement: key!#1=s, operator!#2=s, values#3?=[s]
meta/ManagedFieldsEntry: apiVersion#3?=s, fieldsType#6?=s, fieldsV1#7=any, manager#1?=s, operation#2?=s,
  subresource#8?=s, time#4=t
meta/ObjectMeta: annotations#12?={s}, creationTimestamp#8=t, deletionGracePeriodSeconds#10=i, deletionTimestamp#9=t,
  finalizers#14?=[s]set~, generateName#2?=s, generation#7?=i, labels#11?={s},
  managedFields#17?=[@meta/ManagedFieldsEntry], name#1?=s, namespace#3?=s,
  ownerReferences#13?=[@meta/OwnerReference]map(uid)~uid, resourceVersion#6?=s, selfLink#4?=s, uid#5=s
meta/OwnerReference*: apiVersion!#5=s, blockOwnerDeletion#7=b, controller#6=b, kind!#1=s, name!#3=s, uid!#4=s
)types";
  return part == 0 ? kFirst : kSecond;
}

}  // namespace clops::local
