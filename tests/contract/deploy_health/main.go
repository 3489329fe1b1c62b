// What kubectl's kstatus, Flux and Argo CD make of objects: their own code (Argo CD's: its Lua machine) over deploy/gitops.
//
//	health GITOPS_FOLDER < objects.json     one line an object: NAME, kstatus, Flux, Argo CD, by tabs
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func read(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return yaml.Unmarshal(text, into)
}

func toLua(vm *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case map[string]any:
		table := vm.NewTable()
		for name, item := range v {
			table.RawSetString(name, toLua(vm, item))
		}
		return table
	case []any:
		table := vm.NewTable()
		for _, item := range v {
			table.Append(toLua(vm, item))
		}
		return table
	case string:
		return lua.LString(v)
	case bool:
		return lua.LBool(v)
	case int64:
		return lua.LNumber(v)
	case float64:
		return lua.LNumber(v)
	}
	return lua.LNil
}

// As Argo CD runs a health script: no libraries but the harmless ones, the object as `obj`, a table back.
func argo(script string, object map[string]any) (string, error) {
	vm := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer vm.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable, lua.StringLibName: lua.OpenString, lua.MathLibName: lua.OpenMath} {
		if err := vm.CallByParam(lua.P{Fn: vm.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return "", err
		}
	}
	vm.SetGlobal("obj", toLua(vm, object))
	if err := vm.DoString(script); err != nil {
		return "", err
	}
	answer, ok := vm.Get(-1).(*lua.LTable)
	if !ok {
		return "", errors.New("the script gives no table")
	}
	if _, ok := answer.RawGetString("message").(lua.LString); !ok {
		return "", errors.New("the script gives no message")
	}
	return answer.RawGetString("status").String(), nil
}

func run(folder string) error {
	var settings struct {
		Data map[string]string `json:"data"`
	}
	if err := read(filepath.Join(folder, "argocd-cm.yaml"), &settings); err != nil {
		return err
	}
	var flux struct {
		Spec struct {
			HealthCheckExprs []kustomize.CustomHealthCheck `json:"healthCheckExprs"`
		} `json:"spec"`
	}
	if err := read(filepath.Join(folder, "flux-health.yaml"), &flux); err != nil {
		return err
	}
	evaluators := map[string]*cel.StatusEvaluator{}
	for _, check := range flux.Spec.HealthCheckExprs {
		evaluator, err := cel.NewStatusEvaluator(&check.HealthCheckExpressions)
		if err != nil {
			return err
		}
		evaluators[check.APIVersion+"/"+check.Kind] = evaluator
	}
	decoder := json.NewDecoder(os.Stdin)
	for {
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(raw); err != nil {
			return err
		}
		evaluator := evaluators[object.GetAPIVersion()+"/"+object.GetKind()]
		script := settings.Data["resource.customizations.health.clops.dev_"+object.GetKind()]
		if evaluator == nil || script == "" {
			return fmt.Errorf("deploy/gitops says nothing of %s %s", object.GetAPIVersion(), object.GetKind())
		}
		plain, err := status.Compute(object)
		if err != nil {
			return err
		}
		byFlux := "Unknown" // what an error is to Flux's poller: it asks again
		if result, err := evaluator.Evaluate(context.Background(), object); err == nil {
			byFlux = result.Status.String()
		}
		byArgo, err := argo(script, object.Object)
		if err != nil {
			return err
		}
		fmt.Printf("%s\t%s\t%s\t%s\n", object.GetName(), plain.Status, byFlux, byArgo)
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "health GITOPS_FOLDER < objects.json")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "health:", err)
		os.Exit(1)
	}
}
